"""A scripted conversation that writes to a scratch account, first on one server and then on the other.

The name of every document that it creates begins with MARK. All of them are deleted at the end, even after an
interruption. An account with other trunks is refused.
"""

import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from app.compare.conversation import Send, Step, observe
from app.compare.equality import Difference, NormalisedAnswer, differences_or_order
from app.compare.servers import Server
from app.compare.walk import body_of

MARK = "compare: may be deleted"
_TRUNKS = "/v2/accounts/${account_id}/connectivity"
_NAME = f"{MARK} ${{run}}"
_UNKNOWN = "0" * 32


class NotScratch(Exception):
    """The account has trunks that this command did not create, cannot be read or cannot be cleaned."""


def conversation() -> list[Step]:
    """The steps: creates, replaces, patches, conditional writes, bad input, deletions."""
    server = {
        "server_name": "pbx",
        "auth": {"auth_method": "Password", "auth_user": "compare-user", "auth_password": "compare-password"},
        "options": {"enabled": True, "codecs": ["PCMU"]},
        "DIDs": {"+12025550199": {"failover": {"e164": "+12025550198"}}},
    }
    by_ip = {"auth": {"auth_method": "IP", "ip": "192.0.2.7"}, "options": {"inbound_format": "e164"}, "DIDs": {}}
    full = {"name": _NAME, "account": {"trunks": 2}, "servers": [server, by_ip], "extra": {"kept": [1, 2.5, None]}}
    first, second, given = (f"{_TRUNKS}/${{{name}}}" for name in ("first_id", "second_id", "given_x"))
    refused = {"name": _NAME, "servers": [{"auth": {"auth_method": "zz"}}, 7], "account": {"trunks": "many"}}
    lists = {"name": _NAME, "servers": [{"auth": [], "options": [], "DIDs": []}], "account": []}
    return [
        _step("list before", "GET", _TRUNKS),
        _step("create little", "PUT", _TRUNKS, {"name": _NAME}, save={"first_id": "data.id", "first": "revision"}),
        _step("create all", "PUT", _TRUNKS, full, save={"second_id": "data.id"}),
        _step("create with an id", "PUT", _TRUNKS, {"id": "${given_x}", "name": _NAME}),
        _step("create with another id", "PUT", _TRUNKS, {"_id": "${given_y}", "name": _NAME}),
        _step("create with a third id", "PUT", _TRUNKS, {"ID": "${given_z}", "name": _NAME}),
        _step("create with the same id", "PUT", _TRUNKS, {"id": "${given_x}", "name": _NAME}),
        _step("create with private members", "PUT", _TRUNKS, {"name": _NAME, "pvt_x": 1, "_y": 2}),
        _step("create with an If-Match", "PUT", _TRUNKS, {"name": _NAME}, headers={"if-match": "*"}),
        _step("create with empty arrays for objects", "PUT", _TRUNKS, lists),
        _step("create with a number as a text", "PUT", _TRUNKS, {"name": _NAME, "account": {"trunks": "3"}}),
        _step("create refused", "PUT", _TRUNKS, refused),
        _step("create from a text", "PUT", _TRUNKS, "text"),
        _step("create without data", "PUT", _TRUNKS, raw='{"other":{}}'),
        _step("create with bad JSON", "PUT", _TRUNKS, raw='{"data":{'),
        _step("create with another content type", "PUT", _TRUNKS, {"name": _NAME}, headers={"content-type": "a/b"}),
        _step("list", "GET", _TRUNKS),
        _step("list, two per page", "GET", f"{_TRUNKS}?page_size=2"),
        _step("list with a filter", "GET", f"{_TRUNKS}?has_key=extra"),
        _step("list in v1", "GET", _TRUNKS.replace("v2", "v1", 1)),
        _step("read", "GET", second, save={"second": "revision", "tag": "header:etag"}),
        _step("read in v1", "GET", second.replace("v2", "v1", 1)),
        _step("read, not modified", "GET", second, headers={"if-none-match": '"${tag}"'}),
        _step("read unknown", "GET", f"{_TRUNKS}/{_UNKNOWN}"),
        _step("replace", "POST", first, {"name": _NAME, "servers": [by_ip]}, save={"first": "revision"}),
        _step("replace with If-Match", "POST", first, {"name": _NAME}, headers={"if-match": '"${first}"'}),
        _step("replace with an old If-Match", "POST", first, {"name": _NAME}, headers={"if-match": '"${first}"'}),
        _step("replace refused", "POST", first, refused),
        _step("replace unknown", "POST", f"{_TRUNKS}/{_UNKNOWN}", {"name": _NAME}),
        _step("patch", "PATCH", second, {"account": {"trunks": 9, "inbound_trunks": 1}, "extra": {"more": {"a": 1}}}),
        _step("patch with null", "PATCH", second, {"extra": {"more": None}}),
        _step("patch the servers", "PATCH", second, {"servers": [server]}),
        _step("patch refused", "PATCH", second, {"servers": [{"auth": {"auth_method": "zz"}}]}),
        _step("patch unknown", "PATCH", f"{_TRUNKS}/{_UNKNOWN}", {"name": _NAME}),
        _step("patch with POST", "POST", second, {"account": {"trunks": 1}}, verb="PATCH"),
        _step("read again", "GET", second),
        _step("unsupported verb", "PUT", second, {"name": _NAME}),
        _step("no token", "GET", second, headers={"x-auth-token": None}),
        _step("bad token", "GET", second, headers={"x-auth-token": "no token"}),
        _step("delete with an old If-Match", "DELETE", second, headers={"if-match": '"1-0"'}),
        _step("delete", "DELETE", f"{second}?should_soft_delete=false"),
        _step("read deleted", "GET", second),
        _step("delete again", "DELETE", f"{second}?should_soft_delete=false"),
        _step("delete with an id", "DELETE", f"{given}?should_soft_delete=false"),
    ]


def _step(
    name: str,
    method: str,
    path: str,
    data: Any = None,
    *,
    headers: dict[str, str | None] | None = None,
    save: dict[str, str] | None = None,
    raw: str | None = None,
    verb: str | None = None,
) -> Step:
    request: dict[str, Any] = {"method": method, "path": path}
    request["headers"] = {"x-auth-token": "${token}", **(headers or {})}
    if raw is not None:
        request["raw"] = raw
    elif data is not None:
        request["body"] = {"data": data, **({"verb": verb} if verb else {})}
    return {"name": name, "request": request, "save": save or {}}


class Scratch:
    """A scratch account on one server."""

    def __init__(self, server: Server, account_id: str):
        self._server = server
        self._account_id = account_id

    def check(self) -> None:
        """Check that the account may be used, and delete what an earlier run left. Raises NotScratch, Unreachable."""
        others = [doc_id for doc_id, name in self._trunks() if not name.startswith(MARK)]
        if others:
            raise NotScratch(f"{self._server.name}: {self._account_id} has trunks of its own, such as {others[0]}")
        self.clean()

    def clean(self) -> None:
        """Delete what this command created. Raises NotScratch if that is refused, Unreachable."""
        for doc_id in self._leftovers():
            path = f"{self._path()}/{quote(doc_id, safe='')}?should_soft_delete=false"
            self._server.send("DELETE", path, {"x-auth-token": self._server.token}, None)
        if left := self._leftovers():
            account = f"{self._server.name}: {self._account_id}"
            raise NotScratch(f"{account} still has {len(left)} trunks of this command, such as {left[0]}")

    def converse(self, run: str, stopped: threading.Event, on_step: Callable[[], None]) -> list[NormalisedAnswer]:
        """The answers to the steps, in order. Nothing is left behind. Raises NotScratch, Unreachable."""
        variables = {
            "account_id": self._account_id,
            "token": self._server.token,
            "run": run,
            # `-` sorts before all generated ids, so the first pages of a list are the same in each run.
            **{f"given_{letter}": f"-{letter}-compare-{run}" for letter in "xyz"},
        }
        answers: list[NormalisedAnswer] = []
        send: Send = self._server.send
        try:
            for step in conversation():
                if stopped.is_set():
                    break
                answers.append(observe(send, step, variables))
                on_step()
        finally:
            self.clean()
        return answers

    def _leftovers(self) -> list[str]:
        return [doc_id for doc_id, name in self._trunks() if name.startswith(MARK)]

    def _path(self) -> str:
        return f"/v2/accounts/{quote(self._account_id, safe='')}/connectivity"

    def _trunks(self) -> list[tuple[str, str]]:
        """The id and name of each trunk."""
        ids = self._data(f"{self._path()}?paginate=false")
        if not isinstance(ids, list):
            raise NotScratch(f"{self._server.name}: the trunks of {self._account_id} cannot be read")
        documents = ((doc_id, self._data(f"{self._path()}/{quote(doc_id, safe='')}")) for doc_id in ids)
        return [
            (doc_id, str(document.get("name", "")) if isinstance(document, dict) else "")
            for doc_id, document in documents
        ]

    def _data(self, target: str) -> Any:
        status, _, body = self._server.get(target)
        return body_of(body).get("data") if status == 200 else None


def compared(old: list[NormalisedAnswer], new: list[NormalisedAnswer]) -> list[tuple[Step, list[Difference]]]:
    """Each step that both servers answered, and how their answers differ."""
    answered = zip(conversation(), old, new, strict=False)
    return [(step, differences_or_order(old_answer, new_answer)) for step, old_answer, new_answer in answered]


def new_run() -> str:
    """A text that is unique to this run, for names and ids."""
    return f"{time.time_ns():x}"
