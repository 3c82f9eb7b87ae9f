"""When two answers are equal: in status, in the headers that matter and in the whole body, but for what can never
be the same twice (times, request ids, tokens, revisions, generated ids, `node` and `version`).
"""

import base64
import json
import re
from collections.abc import Container, Iterator
from typing import Any

COMPARED_HEADERS = (
    "content-type",
    "etag",
    "allow",
    "location",
    "vary",
    "www-authenticate",
    "access-control-allow-origin",
    "access-control-allow-methods",
    "access-control-allow-headers",
    "access-control-expose-headers",
    "access-control-max-age",
    "x-request-id",
    "x-rfc2616",
    "content-disposition",
)
_SETS = ("allow", "access-control-allow-methods")
_MD5 = re.compile(r"[0-9a-f]{32}")
_REVISION = re.compile(r"(\d+)-[0-9a-f]{32}")
_ISO_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_SHORTEST_KNOWN, _SHORTEST_INSIDE, _SHORTEST_TOKEN = 8, 10, 60
_GREGORIAN_FROM = 63_000_000_000


class Normaliser:
    """Replaces what differs from run to run by names, the same way on both sides.

    `variables` are the values of one conversation by name; a text that is one of them becomes ``${name}``.
    """

    def __init__(self, variables: dict[str, Any]):
        self._names: dict[str, str] = {}
        for name, value in variables.items():
            if isinstance(value, str) and len(value) >= _SHORTEST_KNOWN:
                self._names.setdefault(value, f"${{{name}}}")

    def answer(self, status: int, headers: dict[str, str], body: bytes) -> dict[str, Any]:
        """An answer as transcripts hold it: status, headers, and `json` (with the order of its `keys`) or `text`."""
        seen: dict[str, Any] = {"status": status, "headers": self.headers(headers)}
        if not body:
            return seen
        try:
            parsed = json.loads(body)
        except ValueError:
            return {**seen, "text": self.text(body.decode("utf-8", "replace"))}
        return {**seen, "json": self.envelope(parsed), "keys": list(parsed) if isinstance(parsed, dict) else None}

    def text(self, value: str) -> str:
        """A text without what is this run's own."""
        if value in self._names:
            return self._names[value]
        if _ISO_TIME.fullmatch(value):
            return "<timestamp>"
        revision = _REVISION.fullmatch(value)
        if revision:
            return f"<rev {revision.group(1)}>"
        for known in sorted(self._names, key=len, reverse=True):
            if len(known) >= _SHORTEST_INSIDE:
                value = value.replace(known, self._names[known])
        return _MD5.sub("<id>", value)

    def envelope(self, value: Any) -> Any:
        """A body: crossbar's envelope, or any other JSON."""
        if not isinstance(value, dict):
            return self._value(value)
        return {name: self._member(name, member) for name, member in value.items()}

    def headers(self, headers: dict[str, str]) -> dict[str, str]:
        """The headers that are compared, of those that are there. Names are lower-case."""
        return {name: self._header(name, headers[name]) for name in COMPARED_HEADERS if name in headers}

    def _header(self, name: str, value: str) -> str:
        if name == "x-request-id":
            return self._names.get(value, "<request id>")
        if name in _SETS:
            return ", ".join(sorted({item.strip() for item in value.split(",")}))
        if name == "etag":
            bare = value.strip('"')
            tag = "<md5>" if _MD5.fullmatch(bare) else self.text(bare)
            return f'"{tag}"' if value.startswith('"') else tag
        return self.text(value)

    def _member(self, name: str, value: Any) -> Any:
        """A member of the envelope itself."""
        if isinstance(value, str):
            if name == "request_id":
                return self._names.get(value, "<request id>")
            if name in ("node", "version"):
                return f"<{name}>"
            if name == "revision" and _MD5.fullmatch(value):
                return "<md5>"
            if name == "auth_token" and len(value) > _SHORTEST_TOKEN:
                return "<token>"
        return self._value(value, name)

    def _value(self, value: Any, name: str | None = None) -> Any:
        if isinstance(value, dict):
            return {self.text(key): self._value(member, key) for key, member in value.items()}
        if isinstance(value, list):
            items = [self._value(item, name) for item in value]
            # Generated ids sort differently in every run.
            return sorted(items) if "<id>" in items and all(isinstance(item, str) for item in items) else items
        if isinstance(value, str):
            return self._start_key(value) if name in ("start_key", "next_start_key") else self.text(value)
        if name in ("created", "modified", "updated") and type(value) is int:
            return "<gregorian seconds>" if value > _GREGORIAN_FROM else "<other epoch>"
        return value

    def _start_key(self, value: str) -> Any:
        try:
            term = _decode_term(base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)))
        except (ValueError, IndexError):
            return self.text(value)
        return {"<start_key>": self._value(term)}


def _decode_term(data: bytes) -> Any:
    """The few Erlang external terms that a pagination key can be. Raises ValueError, IndexError."""
    if data[0] != 131:
        raise ValueError("not an external term")
    return _decode_at(data, 1)[0]


def _decode_at(data: bytes, start: int) -> tuple[Any, int]:
    tag, start = data[start], start + 1
    if tag == 97:
        return data[start], start + 1
    if tag == 106:
        return [], start
    size, after = int.from_bytes(data[start : start + 4], "big", signed=tag == 98), start + 4
    if tag == 98:
        return size, after
    if tag == 109:
        return data[after : after + size].decode("utf-8", "replace"), after + size
    if tag != 108:
        raise ValueError(f"tag {tag}")
    items = []
    for _ in range(size):
        item, after = _decode_at(data, after)
        items.append(item)
    return items, after + 1


def differences(want: dict[str, Any], got: dict[str, Any], ignore: Container[str] = ()) -> Iterator[str]:
    """One line for each way in which `got` is not `want`. Both are what `Normaliser.answer` makes.

    `ignore` has ``header:NAME``, ``body``, or paths such as ``json.data.apps``.
    """
    if want["status"] != got["status"]:
        yield f"status: want {want['status']}, got {got['status']}"
    for name in COMPARED_HEADERS:
        wanted, found = want["headers"].get(name), got["headers"].get(name)
        if wanted != found and f"header:{name}" not in ignore:
            yield f"header {name}: want {wanted!r}, got {found!r}"
    if "body" in ignore:
        return
    for kind in ("json", "text"):
        if kind in want or kind in got:
            yield from _deep(want.get(kind, "<absent>"), got.get(kind, "<absent>"), kind, ignore)


def _deep(want: Any, got: Any, path: str, ignore: Container[str]) -> Iterator[str]:
    if path in ignore:
        return
    if isinstance(want, dict) and isinstance(got, dict):
        for name in sorted(want.keys() | got.keys()):
            yield from _deep_member(want, got, name, f"{path}.{name}", ignore)
    elif isinstance(want, list) and isinstance(got, list) and len(want) == len(got):
        for index, (wanted, found) in enumerate(zip(want, got, strict=True)):
            yield from _deep(wanted, found, f"{path}[{index}]", ignore)
    elif want != got or type(want) is not type(got):
        yield f"{path}: want {short(want)}, got {short(got)}"


def _deep_member(want: dict, got: dict, name: str, path: str, ignore: Container[str]) -> Iterator[str]:
    if path in ignore:
        return
    if name not in got:
        yield f"{path}: missing, want {short(want[name])}"
    elif name not in want:
        yield f"{path}: not expected, got {short(got[name])}"
    else:
        yield from _deep(want[name], got[name], path, ignore)


def same(one: Any, other: Any) -> bool:
    """Equal JSON, where 1, 1.0 and true are three different things."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


def short(value: Any) -> str:
    """A value as JSON, cut where it is long."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) < 200 else text[:197] + "..."
