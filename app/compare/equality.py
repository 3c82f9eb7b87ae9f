"""Decides whether two answers are equal: same status, same relevant headers and same body.

Values that differ on every run, such as times and generated ids, do not count. `compare` uses this, and so does the
replay of recordings of a real Kazoo.
"""

import json
import re
from collections.abc import Container, Iterator
from dataclasses import dataclass
from typing import Any

from app.documents import MISSING, start_key
from app.documents.secrets import MASK, SECRETS, masked

# The result of `Normaliser.answer`: status, headers, and `json` (with the order of its `keys`) or `text`.
NormalisedAnswer = dict[str, Any]

COMPARED_HEADERS = (
    "content-type",
    "content-language",
    "expires",
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
LONGEST_SHOWN = 200
_SETS = ("allow", "access-control-allow-methods")
_MD5 = re.compile(r"[0-9a-f]{32}")
_REVISION = re.compile(r"(\d+)-[0-9a-f]{32}")
_ISO_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_SHORTEST_KNOWN, _SHORTEST_INSIDE, _SHORTEST_TOKEN = 8, 10, 60
_GREGORIAN_FROM = 63_000_000_000


@dataclass(frozen=True)
class Difference:
    """A place, such as ``status``, ``header etag`` or ``json.data.name``, and what each side has there.

    A side that has nothing there is MISSING.
    """

    place: str
    expected: Any
    actual: Any

    def line(self, expected_label: str = "want", actual_label: str = "got") -> str:
        """The difference on one line, without secrets."""
        return f"{self.place}: {expected_label} {self._text(self.expected)}, {actual_label} {self._text(self.actual)}"

    def _text(self, value: Any) -> str:
        if value is MISSING:
            return "nothing"
        member = self.place.rpartition(".")[2].partition("[")[0]
        return short(MASK if member in SECRETS else masked(value))


class Normaliser:
    """Replaces values that differ on every run with placeholders, the same way for both sides.

    `variables` are the values of one conversation, by name. A text that equals one of them becomes ``${name}``. Set
    `keeps_ids` if both sides have the same documents: ids, revisions and times are then compared as they are.
    """

    def __init__(self, variables: dict[str, Any], keeps_ids: bool = False):
        self._keeps_ids = keeps_ids
        self._names: dict[str, str] = {}
        for name, value in variables.items():
            if isinstance(value, str) and len(value) >= _SHORTEST_KNOWN:
                self._names.setdefault(value, f"${{{name}}}")

    def answer(self, status: int, headers: dict[str, str], body: bytes) -> NormalisedAnswer:
        """An answer in the form that transcripts use."""
        head: NormalisedAnswer = {"status": status, "headers": self.headers(headers)}
        if not body:
            return head
        try:
            parsed = json.loads(body)
        except ValueError:
            return {**head, "text": self.text(body.decode("utf-8", "replace"))}
        return {**head, "json": self.envelope(parsed), "keys": list(parsed) if isinstance(parsed, dict) else None}

    def text(self, value: str) -> str:
        """A text with placeholders for the values of this run."""
        if value in self._names:
            return self._names[value]
        if not self._keeps_ids and (placeholder := _placeholder(value)):
            return placeholder
        for variable_value in sorted(self._names, key=len, reverse=True):
            if len(variable_value) >= _SHORTEST_INSIDE:
                value = value.replace(variable_value, self._names[variable_value])
        return value if self._keeps_ids else _MD5.sub("<id>", value)

    def envelope(self, value: Any) -> Any:
        """A body, which may be crossbar's envelope or any other JSON."""
        if not isinstance(value, dict):
            return self._value(value)
        return {name: self._member(name, member) for name, member in value.items()}

    def headers(self, headers: dict[str, str]) -> dict[str, str]:
        """Those of the headers that are compared. Names are in lower case."""
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
        """A top-level member of the envelope."""
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
            # Generated ids sort differently on every run.
            return sorted(items) if "<id>" in items and all(isinstance(item, str) for item in items) else items
        if isinstance(value, str):
            return self._start_key(value) if name in ("start_key", "next_start_key") else self.text(value)
        if name in ("created", "modified", "updated") and type(value) is int and not self._keeps_ids:
            return "<gregorian seconds>" if value > _GREGORIAN_FROM else "<other epoch>"
        return value

    def _start_key(self, value: str) -> Any:
        key = start_key.decode(value)
        return self.text(value) if key == value else {"<start_key>": self._value(key)}


def _placeholder(value: str) -> str | None:
    """The placeholder for a text that is a time or a revision; None for any other text."""
    if _ISO_TIME.fullmatch(value):
        return "<timestamp>"
    revision = _REVISION.fullmatch(value)
    return f"<rev {revision.group(1)}>" if revision else None


def differences(
    expected: NormalisedAnswer, actual: NormalisedAnswer, ignore: Container[str] = ()
) -> Iterator[Difference]:
    """All differences between two answers.

    `ignore` may contain ``header:NAME``, ``body`` and paths such as ``json.data.apps``.
    """
    if expected["status"] != actual["status"]:
        yield Difference("status", expected["status"], actual["status"])
    for name in COMPARED_HEADERS:
        expected_value, actual_value = expected["headers"].get(name), actual["headers"].get(name)
        if expected_value != actual_value and f"header:{name}" not in ignore:
            yield Difference(f"header {name}", expected_value, actual_value)
    if "body" in ignore:
        return
    for kind in ("json", "text"):
        if kind in expected or kind in actual:
            yield from _differences_in(expected.get(kind, MISSING), actual.get(kind, MISSING), kind, ignore)


def other_order(expected: NormalisedAnswer, actual: NormalisedAnswer) -> tuple[list[str], list[str]] | None:
    """The member names of both envelopes if their order differs; otherwise None."""
    expected_keys, actual_keys = expected.get("keys"), actual.get("keys")
    return (expected_keys, actual_keys or []) if expected_keys and expected_keys != actual_keys else None


def differences_or_order(expected: NormalisedAnswer, actual: NormalisedAnswer) -> list[Difference]:
    """All differences. If there are none, but the envelopes order their members differently, that one."""
    differing = list(differences(expected, actual))
    order = None if differing else other_order(expected, actual)
    return [Difference("order of the envelope", *order)] if order else differing


def _differences_in(expected: Any, actual: Any, path: str, ignore: Container[str]) -> Iterator[Difference]:
    if path in ignore:
        return
    if isinstance(expected, dict) and isinstance(actual, dict):
        for name in sorted(expected.keys() | actual.keys()):
            member, actual_member = expected.get(name, MISSING), actual.get(name, MISSING)
            yield from _differences_in(member, actual_member, f"{path}.{name}", ignore)
    elif isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        for index, (item, actual_item) in enumerate(zip(expected, actual, strict=True)):
            yield from _differences_in(item, actual_item, f"{path}[{index}]", ignore)
    elif expected != actual or type(expected) is not type(actual):
        yield Difference(path, expected, actual)


def short(value: Any) -> str:
    """A value as JSON, cut off if it is long."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) < LONGEST_SHOWN else text[: LONGEST_SHOWN - 3] + "..."
