"""When two answers are equal: in status, in the headers that matter and in the whole body, but for what can never
be the same twice.

`compare` and the replay of the recordings of a real Kazoo both use this.
"""

import base64
import json
import re
from collections.abc import Container, Iterator
from dataclasses import dataclass
from typing import Any

from app.documents.secrets import MASK, SECRETS, masked

# Status, headers, and `json` (with the order of its `keys`) or `text`: what `Normaliser.answer` makes.
Answer = dict[str, Any]

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
# What one side has of a member that only the other has.
ABSENT: Any = object()
LONGEST_SHOWN = 200
_SETS = ("allow", "access-control-allow-methods")
_MD5 = re.compile(r"[0-9a-f]{32}")
_REVISION = re.compile(r"(\d+)-[0-9a-f]{32}")
_ISO_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_SHORTEST_KNOWN, _SHORTEST_INSIDE, _SHORTEST_TOKEN = 8, 10, 60
_GREGORIAN_FROM = 63_000_000_000


@dataclass(frozen=True)
class Difference:
    """A place, such as ``status``, ``header etag`` or ``json.data.name``, and what each side has there."""

    place: str
    wanted: Any
    found: Any

    def told(self, wanted: str = "want", found: str = "got") -> str:
        """The difference in one line, without secrets, under these names of the sides."""
        return f"{self.place}: {wanted} {self._shown(self.wanted)}, {found} {self._shown(self.found)}"

    def _shown(self, value: Any) -> str:
        if value is ABSENT:
            return "nothing"
        member = self.place.rpartition(".")[2].partition("[")[0]
        return short(MASK if member in SECRETS else masked(value))


class Normaliser:
    """Replaces what differs from run to run by names, the same way on both sides.

    `variables` are the values of one conversation by name; a text that is one of them becomes ``${name}``. With
    `keeps_ids`, both sides have the same documents: their ids, revisions and times stay as they are.
    """

    def __init__(self, variables: dict[str, Any], keeps_ids: bool = False):
        self._keeps_ids = keeps_ids
        self._names: dict[str, str] = {}
        for name, value in variables.items():
            if isinstance(value, str) and len(value) >= _SHORTEST_KNOWN:
                self._names.setdefault(value, f"${{{name}}}")

    def answer(self, status: int, headers: dict[str, str], body: bytes) -> Answer:
        """An answer as transcripts hold it: status, headers, and `json` (with the order of its `keys`) or `text`."""
        seen: Answer = {"status": status, "headers": self.headers(headers)}
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
        if not self._keeps_ids and (particular := _particular(value)):
            return particular
        for known in sorted(self._names, key=len, reverse=True):
            if len(known) >= _SHORTEST_INSIDE:
                value = value.replace(known, self._names[known])
        return value if self._keeps_ids else _MD5.sub("<id>", value)

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
            if name == "timestamp" and _ISO_TIME.fullmatch(value):
                return "<timestamp>"
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
        if name in ("created", "modified", "updated") and type(value) is int and not self._keeps_ids:
            return "<gregorian seconds>" if value > _GREGORIAN_FROM else "<other epoch>"
        return value

    def _start_key(self, value: str) -> Any:
        try:
            term = _decode_term(base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)))
        except (ValueError, IndexError):
            return self.text(value)
        return {"<start_key>": self._value(term)}


def _particular(value: str) -> str | None:
    """The name of a whole text that is a time or a revision."""
    if _ISO_TIME.fullmatch(value):
        return "<timestamp>"
    revision = _REVISION.fullmatch(value)
    return f"<rev {revision.group(1)}>" if revision else None


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


def differences(wanted: Answer, found: Answer, ignore: Container[str] = ()) -> Iterator[Difference]:
    """Each way in which the answer that was found is not the wanted one.

    `ignore` has ``header:NAME``, ``body``, or paths such as ``json.data.apps``.
    """
    if wanted["status"] != found["status"]:
        yield Difference("status", wanted["status"], found["status"])
    for name in COMPARED_HEADERS:
        one, other = wanted["headers"].get(name), found["headers"].get(name)
        if one != other and f"header:{name}" not in ignore:
            yield Difference(f"header {name}", one, other)
    if "body" in ignore:
        return
    for kind in ("json", "text"):
        if kind in wanted or kind in found:
            yield from _deep(wanted.get(kind, ABSENT), found.get(kind, ABSENT), kind, ignore)


def other_order(wanted: Answer, found: Answer) -> tuple[list[str], list[str]] | None:
    """The members of both envelopes, if they are the same in another order."""
    one, other = wanted.get("keys"), found.get("keys")
    return (one, other or []) if one and one != other else None


def _deep(wanted: Any, found: Any, path: str, ignore: Container[str]) -> Iterator[Difference]:
    if path in ignore:
        return
    if isinstance(wanted, dict) and isinstance(found, dict):
        for name in sorted(wanted.keys() | found.keys()):
            yield from _deep(wanted.get(name, ABSENT), found.get(name, ABSENT), f"{path}.{name}", ignore)
    elif isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        for index, (one, other) in enumerate(zip(wanted, found, strict=True)):
            yield from _deep(one, other, f"{path}[{index}]", ignore)
    elif wanted != found or type(wanted) is not type(found):
        yield Difference(path, wanted, found)


def short(value: Any) -> str:
    """A value as JSON, cut where it is long."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) < LONGEST_SHOWN else text[: LONGEST_SHOWN - 3] + "..."
