"""The clients of a storm: threads that write to the same documents, and remember every answer."""

import itertools
import random
import threading
import time
from dataclasses import dataclass
from typing import Any

import requests

from tests import support

SECONDS_TO_ANSWER = 30.0
# Of a hundred writes: the rest are PATCHes without a condition.
CONDITIONAL, REPLACING, CREATING = 10, 5, 5
# A document that is to be deleted is patched so often before.
PATCHES_BEFORE_DELETION = 2


@dataclass(frozen=True)
class Write:
    """A write and its answer. `mark` is the member that it set; 0 is the status without an answer."""

    kind: str
    doc_id: str
    mark: str
    status: int
    begun: float
    ended: float

    @property
    def is_acknowledged(self) -> bool:
        """Whether the service said that it was done."""
        return 200 <= self.status < 300

    @property
    def may_have_happened(self) -> bool:
        """Whether it was done, or nobody knows."""
        return self.is_acknowledged or self.status in (0, 500, 503)


class Clients:
    """Writes to documents until `count` writes have been sent.

    `patched` documents are patched only. `mixed` ones are replaced as well. Others are created, patched, and deleted.
    """

    def __init__(self, apis: list[support.Api], patched: list[str], mixed: list[str], count: int):
        self.writes: list[Write] = []
        self._apis = apis
        self._patched, self._mixed = patched, mixed
        self._left = iter(range(count))
        self._marks = itertools.count(1)
        self._mutex = threading.Lock()

    def run(self) -> None:
        """Let all clients write, and wait for them."""
        threads = [threading.Thread(target=self._write_on, args=(api,), daemon=True) for api in self._apis]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _write_on(self, api: support.Api) -> None:
        chance = random.Random(threading.get_ident())
        while self._take():
            kind = chance.randrange(100)
            if kind < CREATING:
                self._create_and_delete(api)
            elif kind < CREATING + REPLACING:
                mark = self._mark()
                data = {"name": "replaced", "posted": mark, "marks": {}}
                self._send(api, "POST", chance.choice(self._mixed), mark, data)
            else:
                doc_id = chance.choice(self._patched + self._mixed)
                self._patch(api, doc_id, is_conditional=kind < CREATING + REPLACING + CONDITIONAL)

    def _take(self) -> bool:
        with self._mutex:
            return next(self._left, None) is not None

    def _mark(self) -> str:
        return f"m{next(self._marks)}"

    def _patch(self, api: support.Api, doc_id: str, is_conditional: bool = False) -> None:
        headers = {}
        if is_conditional:
            headers = {"If-Match": _etag(api, doc_id) or '"none"'}
        mark = self._mark()
        kind = "If-Match" if is_conditional else "PATCH"
        self._send(api, kind, doc_id, mark, {"marks": {mark: 1}}, headers)

    def _create_and_delete(self, api: support.Api) -> None:
        doc_id = f"short-{self._mark()}"
        if not self._send(api, "PUT", doc_id, "", {"id": doc_id, "name": "short"}).is_acknowledged:
            return
        for _ in range(PATCHES_BEFORE_DELETION):
            if self._take():
                self._patch(api, doc_id)
        if self._take():
            self._send(api, "DELETE", doc_id, "", None)

    def _send(
        self, api: support.Api, kind: str, doc_id: str, mark: str, data: Any, headers: dict[str, str] | None = None
    ) -> Write:
        verb = "PATCH" if kind == "If-Match" else kind
        path = "" if verb == "PUT" else f"/{doc_id}"
        begun = time.monotonic()
        try:
            status = api.call(verb, path, data, headers=headers or {}).status_code
        except requests.RequestException:
            status = 0
        write = Write(kind, doc_id, mark, status, begun, time.monotonic())
        with self._mutex:
            self.writes.append(write)
        return write


def _etag(api: support.Api, doc_id: str) -> str | None:
    try:
        return api.call("GET", f"/{doc_id}").headers.get("etag")
    except requests.RequestException:
        return None
