"""Compares the schema of trunks in Kazoo's `system_schemas` with the one that this service uses."""

from app.documents import fields
from app.documents.names import SYSTEM_SCHEMAS
from app.schema import Schemas
from app.store import Store
from app.store.couchdb.branches import differing_paths

SCHEMA = "connectivity"
_WORDING = ("description", "title", "default", "support_level", "$schema", "id", "name")


def differences(store: Store, schemas: Schemas) -> list[str]:
    """The dotted paths of keywords that change what is accepted. Empty if Kazoo has no schema. Raises Unavailable."""
    stored = store.find_doc(SYSTEM_SCHEMAS, SCHEMA)
    if stored is None:
        return []
    raw, kazoos = fields.public(schemas.get(SCHEMA).raw), fields.public(stored)
    return sorted(filter(changes_what_is_accepted, {*differing_paths(kazoos, raw), *differing_paths(raw, kazoos)}))


def changes_what_is_accepted(path: str) -> bool:
    """Whether a difference of two schemas at this path may matter, rather than its wording."""
    *parents, name = path.split(".")
    is_property = bool(parents) and parents[-1] in ("properties", "patternProperties")
    return is_property or (name not in _WORDING and not (len(parents) == 0 and name.startswith("_")))
