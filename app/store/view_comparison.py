"""Compares map functions by the rows that they emit, for a database's documents and for built-in samples.

Comparing the source text is not enough. Kazoo's views and ours differ in text, but emit the same rows.
"""

import json
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from app.documents import Document
from app.store.design import documents_for, needs_old_engine
from app.store.javascript import EmitsTooMuch, MapFunctions

_SERVER: Document = {
    "server_name": "pbx",
    "auth": {"auth_method": "Password", "auth_user": "User", "auth_password": "x"},
    "options": {"enabled": True, "inbound_format": "e164"},
    "DIDs": {"+14155550100": {"failover": {"e164": "+14155550199"}}, "+14155550101": {}},
}
_TRUNK: Document = {
    "pvt_type": "sys_info",
    "account": {"auth_realm": "Realm.example.com", "trunks": 2},
    "servers": [_SERVER, {**_SERVER, "server_name": "other", "callerid": "1", "DIDs": {}}],
}
_USER: Document = {
    "pvt_type": "user",
    "pvt_account_id": "a",
    "enabled": True,
    "username": "jo",
    "first_name": "Jo",
    "last_name": "Doe",
    "email": "jo@example.com",
    "priv_level": "admin",
    "pvt_md5_auth": "m",
    "pvt_sha1_auth": "s",
    "vm_to_email_enabled": True,
    "hotdesk": {"enabled": True},
    "call_forward": {"enabled": False, "failover": True},
    "caller_id": {"external": {"number": "+14155550100"}},
    "music_on_hold": {"media_id": "x"},
}
_NUMBER: Document = {
    "pvt_type": "number",
    "pvt_state": "in_service",
    "pvt_module_name": "knm_local",
    "pvt_features": {"local": {}, "prepend": {"enabled": True}},
    "pvt_assigned_to": "a",
    "pvt_used_by": "trunkstore",
    "pvt_created": 1,
    "pvt_modified": 2,
}
_ACCOUNT: Document = {
    "pvt_type": "account",
    "pvt_account_db": "account%2Fa",
    "name": "Acme, Inc.",
    "realm": "Acme.example.com",
    "pvt_api_key": "k",
    "pvt_tree": ["m", "r"],
}
_CALLFLOW: Document = {"pvt_type": "callflow", "name": "Main", "numbers": ["+14155550100", "office"]}
_APP: Document = {"pvt_type": "app", "name": "pbxs", "api_url": "https://api.example.com/v2/", "published": True}
_SAMPLES: tuple[Document, ...] = tuple(
    {"_id": f"made-{number}", "_rev": "1-a", "pvt_account_id": f"made-{number}", **document}
    for number, sample in enumerate((_TRUNK, _USER, _NUMBER, _ACCOUNT, _APP, _CALLFLOW))
    for document in (sample, {**sample, "pvt_deleted": True}, {**sample, "pvt_type": "other"})
)


# A design document, without `_design/`, and a view of it.
ViewName = tuple[str, str]
Name = TypeVar("Name", bound=Hashable)


@dataclass(frozen=True, order=True)
class ViewFinding:
    """A problem with a view, or with a whole design document if `view` is empty.

    `is_wrong` is False if the view may be right, but could not be compared.
    """

    design: str
    view: str
    problem: str
    is_wrong: bool = True

    def __str__(self) -> str:
        return f"{self.design}: {self.problem}"


class ViewComparison:
    """Compares stored design documents with those of `couchdb_views/`, in many databases of one engine.

    Functions that databases share are compiled, and run on the samples, only once.
    """

    def __init__(self, engine: str) -> None:
        self.runs_iterator = _runs_iterator(engine)
        self._maps = MapFunctions()
        self._sample_differences: dict[tuple[str, str], str | None] = {}

    def findings(self, db: str, designs: Mapping[str, Document], documents: Iterable[Document]) -> list[ViewFinding]:
        """The findings on a database's design documents, sorted.

        `designs` are the stored design documents by id. `documents` are read only if functions must be compared.
        """
        findings: list[ViewFinding] = []
        pairs: dict[ViewName, tuple[str, str]] = {}
        for expected in documents_for(db):
            stored = designs.get(expected["_id"])
            if stored is None:
                findings.append(ViewFinding(_name(expected), "", "missing"))
            else:
                found, to_compare = self._compare_texts(stored, expected)
                findings += found
                pairs |= to_compare
        if pairs:
            differing = self.differing(pairs, documents)
            findings += [
                ViewFinding(design, view, f"view {view} has other rows for {doc_id}")
                for (design, view), doc_id in differing.items()
            ]
        return sorted(findings)

    def _compare_texts(
        self, stored: Document, expected: Document
    ) -> tuple[list[ViewFinding], dict[ViewName, tuple[str, str]]]:
        """The findings that need no rows, and the functions whose rows must be compared."""
        findings, pairs = [], {}
        for name, view in expected["views"].items():
            stored_view: Any = (stored.get("views") or {}).get(name)
            if problem := self._problem(name, stored_view, view):
                findings.append(ViewFinding(_name(expected), name, problem, is_wrong=not self._runs(stored_view)))
            elif stored_view["map"] != view["map"]:
                # Functions with the same source emit the same rows.
                pairs[_name(expected), name] = (stored_view["map"], view["map"])
        return findings, pairs

    def _runs(self, view: Any) -> bool:
        """Whether a view with Iterator() runs on this engine."""
        source = view.get("map") if isinstance(view, dict) else None
        return self.runs_iterator and isinstance(source, str) and needs_old_engine(source)

    def differing(self, pairs: Mapping[Name, tuple[str, str]], documents: Iterable[Document]) -> dict[Name, str]:
        """The pairs of functions that emit different rows, as {name: id of the first document that differs}.

        Stops reading when every pair has a difference.
        """
        differing: dict[Name, str] = {}
        for name, pair in pairs.items():
            if pair not in self._sample_differences:
                ids = (sample["_id"] for sample in _SAMPLES if self._differ(pair, sample))
                self._sample_differences[pair] = next(ids, None)
            if sample_id := self._sample_differences[pair]:
                differing[name] = sample_id
        for document in documents if len(differing) < len(pairs) else ():
            for name, pair in pairs.items():
                if name not in differing and self._differ(pair, document):
                    differing[name] = document["_id"]
            if len(differing) == len(pairs):
                break
        return differing

    def _problem(self, name: str, stored: Any, expected: Document) -> str | None:
        """A problem with a stored view that does not depend on its rows, or None."""
        if not isinstance(stored, dict) or not isinstance(stored.get("map"), str):
            return f"view {name} is missing"
        if needs_old_engine(stored["map"]):
            if self.runs_iterator:
                return f"view {name} uses Iterator(), so its rows were not compared"
            return f"view {name} uses Iterator(), which this CouchDB lacks: it is empty"
        if "reduce" in expected and stored.get("reduce") != expected["reduce"]:
            return f"view {name} counts otherwise"
        return None

    def _differ(self, pair: tuple[str, str], document: Document) -> bool:
        return self._rows(pair[0], document) != self._rows(pair[1], document)

    def _rows(self, source: str, document: Document) -> list[tuple[Any, Any]] | None:
        """The rows that a function emits, or None if there are too many."""
        try:
            (rows,) = self._maps.rows([source], document)
        except EmitsTooMuch:
            return None
        return [(key, json.loads(value)) for key, value in rows]


def _name(design: Document) -> str:
    name: str = design["_id"].removeprefix("_design/")
    return name


def _runs_iterator(engine: str) -> bool:
    """Whether the engine's JavaScript has Iterator(), as in CouchDB up to 2.x."""
    name, _, version = engine.partition(" ")
    return name == "couchdb" and version.split(".")[0] in ("1", "2")
