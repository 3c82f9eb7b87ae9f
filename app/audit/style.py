"""The style sheet of the page of an audit. It works without scripts and without other files."""

import re

from app.web_page import BOOTSTRAP, without_images

_SOURCE_MAP = re.compile(r"/\*# sourceMappingURL=.*?\*/")
_DARK = "[data-bs-theme=dark]"
_DARK_RULE = re.compile(r"(?<=})" + re.escape(_DARK) + r"[^{}]*{[^{}]*}")


def style_sheet() -> str:
    """Bootstrap's style sheet, dark where the browser prefers that, without images. Raises OSError.

    Bootstrap itself is dark where an attribute says so, which only a script could set.
    """
    css = _SOURCE_MAP.sub("", without_images(BOOTSTRAP.read_bytes()).decode())
    return _DARK_RULE.sub(lambda rule: f"@media (prefers-color-scheme:dark){{{_of_root(rule[0])}}}", css)


def _of_root(rule: str) -> str:
    return rule.replace(_DARK, ":root")
