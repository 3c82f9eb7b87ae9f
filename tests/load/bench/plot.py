"""A line in an SVG: one measure over another on a logarithmic axis."""

import math
from collections.abc import Mapping
from pathlib import Path

FONT = 'font-family="sans-serif" font-size="11"'
WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 480, 260, 64, 48, 36


def write(path: Path, title: str, x_title: str, y_title: str, points: Mapping[int, float]) -> None:
    """Draw `points`; x is logarithmic, y begins at 0."""
    xs, top = sorted(points), max(points.values()) * 1.15
    low, high = math.log10(xs[0]), math.log10(xs[-1])

    def place(x: int, y: float) -> tuple[float, float]:
        across = (math.log10(x) - low) / ((high - low) or 1)
        return LEFT + across * (WIDTH - LEFT - 24), HEIGHT - BOTTOM - y / top * (HEIGHT - BOTTOM - TOP)

    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(x, points[x]) for x in xs))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" {FONT}>',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{LEFT}" y="20" font-size="13">{title}</text>',
        f'<polyline points="{line}" fill="none" stroke="#1f6fb2" stroke-width="2"/>',
        f'<line x1="{LEFT}" y1="{HEIGHT - BOTTOM}" x2="{WIDTH - 24}" y2="{HEIGHT - BOTTOM}" stroke="#888"/>',
        f'<text x="{WIDTH / 2}" y="{HEIGHT - 8}" text-anchor="middle">{x_title}</text>',
        f'<text transform="translate(14 {HEIGHT / 2}) rotate(-90)" text-anchor="middle">{y_title}</text>',
    ]
    for x in xs:
        across, up = place(x, points[x])
        parts.append(f'<circle cx="{across:.1f}" cy="{up:.1f}" r="3" fill="#1f6fb2"/>')
        parts.append(f'<text x="{across:.1f}" y="{up - 8:.1f}" text-anchor="middle">{points[x]:.3g}</text>')
        parts.append(f'<text x="{across:.1f}" y="{HEIGHT - BOTTOM + 14}" text-anchor="middle">{x:,}</text>')
    path.write_text("\n".join([*parts, "</svg>\n"]))
