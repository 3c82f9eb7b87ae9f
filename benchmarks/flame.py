"""Draws stacks that py-spy has sampled (`py-spy record --format raw`) as a flame graph: `python -m benchmarks.flame`.

py-spy record -p PID -d 10 -r 400 --gil --format raw -o stacks.txt
python -m benchmarks.flame stacks.txt docs/performance/flame.svg
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

WIDTH, ROW, LETTER = 1200, 16, 6.6
NARROWEST = 1.5
_COLOURS = {"app": "#f0a35e", "flask": "#9fc5e8", "werkzeug": "#9fc5e8", "gunicorn": "#b6d7a8"}


@dataclass
class Frame:
    """A function on a stack: how many samples were in it, and what it had called."""

    name: str
    samples: int = 0
    called: dict[str, "Frame"] = field(default_factory=dict)


def read(lines: list[str]) -> Frame:
    """The tree of lines like ``outer (file.py:1);inner (file.py:2) 12``; line numbers are left out."""
    root = Frame("all")
    for line in lines:
        stack, _, count = line.rpartition(" ")
        frame = root
        frame.samples += int(count)
        for name in re.sub(r":\d+\)", ")", stack).split(";"):
            frame = frame.called.setdefault(name, Frame(name))
            frame.samples += int(count)
    return root


def draw(root: Frame) -> str:
    """The tree as an SVG, callers above what they call; a title tells each frame's share."""
    rectangles = list(_rectangles(root, root.samples, 0.0, 0))
    height = ROW * (1 + max(depth for depth, _ in rectangles))
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="monospace">']
    return "\n".join([*parts, *(text for _, text in rectangles), "</svg>\n"])


def _rectangles(frame: Frame, total: int, left: float, depth: int) -> Iterator[tuple[int, str]]:
    width = WIDTH * frame.samples / total
    if width < NARROWEST:
        return
    module = re.search(r"\(([a-z_]+)/", frame.name)
    colour = _COLOURS.get(module.group(1) if module else "", "#dddddd")
    share = f"{escape(frame.name)}: {frame.samples / total:.1%}"
    label = escape(frame.name[: int((width - 4) / LETTER)]) if width > 4 * LETTER else ""
    yield (
        depth,
        f'<g><title>{share}</title><rect x="{left:.1f}" y="{depth * ROW}" width="{width - 0.5:.1f}" '
        f'height="{ROW - 1}" fill="{colour}"/>'
        f'<text x="{left + 2:.1f}" y="{depth * ROW + 11}" font-size="11">{label}</text></g>',
    )
    for called in frame.called.values():
        yield from _rectangles(called, total, left, depth + 1)
        left += WIDTH * called.samples / total


def main() -> None:
    """Read the stacks, write the picture."""
    stacks, picture = map(Path, sys.argv[1:])
    picture.write_text(draw(read(stacks.read_text().splitlines())))


if __name__ == "__main__":
    main()
