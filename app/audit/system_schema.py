"""Compares the schema of trunks in Kazoo's `system_schemas` with the one that this service uses."""

from app.documents import connectivity, fields
from app.documents.differences import differing_paths
from app.documents.names import SYSTEM_SCHEMAS
from app.schema.keywords import RawSchema
from app.store import Store

_WORDING = ("description", "title", "default", "support_level", "$schema", "id", "name")


def differences(store: Store, used: RawSchema) -> list[str]:
    """The dotted paths where Kazoo's schema accepts something else than the one that is `used` here.

    Empty if Kazoo has no schema. Raises Unavailable.
    """
    stored = store.find_doc(SYSTEM_SCHEMAS, connectivity.SCHEMA)
    if stored is None:
        return []
    raw, kazoos = fields.public(used), fields.public(stored)
    return sorted(filter(changes_what_is_accepted, {*differing_paths(kazoos, raw), *differing_paths(raw, kazoos)}))


def changes_what_is_accepted(path: str) -> bool:
    """Whether a difference of two schemas at this path may matter, rather than its wording."""
    *parents, name = path.split(".")
    is_property = bool(parents) and parents[-1] in ("properties", "patternProperties")
    return is_property or (name not in _WORDING and not (len(parents) == 0 and name.startswith("_")))
