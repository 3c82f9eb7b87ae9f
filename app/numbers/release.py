"""Releases a number from its account (docs/kazoo/documents.md, section 7.7)."""

from app.documents import Document, fields
from app.documents.clock import gregorian_now
from app.documents.names import account_db
from app.numbers import ownership
from app.numbers.feature_names import LOCAL
from app.numbers.normalise import known_numbers
from app.store import DatabaseMissing, Store, ViewMissing
from app.store.cache import DocumentCache


def is_used_by_trunk(store: Store, cache: DocumentCache, document: Document) -> bool:
    """Whether a trunk uses a number, according to its mark or the owner's trunks.

    The mark alone is not enough, because in Kazoo a PUT does not write marks.
    """
    if document.get("pvt_used_by") == ownership.TRUNKSTORE:
        return True
    owner_id = document.get("pvt_assigned_to")
    if not isinstance(owner_id, str):
        return False
    try:
        dids = ownership.dids_of_trunks(store, account_db(owner_id))
    except (ViewMissing, DatabaseMissing):
        # Without the view, the account never had a trunk.
        return False
    return document["_id"] in known_numbers(dids, cache.setting).values()


def released(document: Document) -> Document:
    """The document of a number after its release.

    The account that reserved the number before becomes its owner. If there is none, the state is `deleted`. All
    members that the owner set are removed.
    """
    members = fields.private(document)
    for name in ("pvt_used_by", "pvt_features", "pvt_number_state", "pvt_reserve_history", "pvt_assigned_to"):
        members.pop(name, None)
    members |= {"pvt_features": {LOCAL: {}}, "pvt_modified": gregorian_now()}
    history = document.get("pvt_reserve_history")
    if not isinstance(history, list) or len(history) < 2 or not isinstance(history[1], str):
        return members | {"pvt_state": ownership.DELETED}
    return members | {
        "pvt_state": ownership.RESERVED,
        "pvt_assigned_to": history[1],
        "pvt_previously_assigned_to": document.get("pvt_assigned_to"),
        "pvt_reserve_history": history[1:],
    }
