"""Whether two map functions emit the same rows, for the documents of a database and for built-in samples.

Comparing their texts is not enough: Kazoo's views and ours differ in text but emit the same rows.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from app.documents import Document
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
_APP: Document = {"pvt_type": "app", "name": "pbxs", "api_url": "https://api.example.com/v2/", "published": True}
_SAMPLES: tuple[Document, ...] = tuple(
    {"_id": f"made-{number}", "_rev": "1-a", "pvt_account_id": f"made-{number}", **document}
    for number, made in enumerate((_TRUNK, _USER, _NUMBER, _ACCOUNT, _APP))
    for document in (made, {**made, "pvt_deleted": True}, {**made, "pvt_type": "other"})
)


class ViewComparison:
    """Compares the map functions of databases. Functions that several databases share are compiled only once."""

    def __init__(self) -> None:
        self._maps = MapFunctions()

    def differing(self, pairs: dict[str, tuple[str, str]], documents: Iterable[Document]) -> dict[str, str]:
        """The pairs of functions that emit different rows, as {name: id of the first document with a difference}.

        Reading stops as soon as every pair has a difference.
        """
        found: dict[str, str] = {}
        for document in _both(_SAMPLES, documents):
            open_pairs = {name: pair for name, pair in pairs.items() if name not in found}
            if not open_pairs:
                break
            for name, (one, other) in open_pairs.items():
                if self._rows(one, document) != self._rows(other, document):
                    found[name] = document["_id"]
        return found

    def _rows(self, source: str, document: Document) -> list[tuple[Any, Any]] | None:
        """The rows of a function; None if they are too many."""
        try:
            (rows,) = self._maps.rows([source], document)
        except EmitsTooMuch:
            return None
        return [(key, json.loads(value)) for key, value in rows]


def _both(samples: Iterable[Document], documents: Iterable[Document]) -> Iterator[Document]:
    yield from samples
    yield from documents
