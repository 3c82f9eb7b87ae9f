"""The audit of one trunk, stored or not yet, among the others of its account."""

from app.audit import Finding, numbers, trunk, worst_first
from app.audit.number_index import store_lookup
from app.audit.places import Places
from app.documents import Document, connectivity
from app.documents.names import account_db, encoded
from app.schema import Schemas
from app.store import Store
from app.store.cache import DocumentCache
from app.store.design import ROUTING
from app.trunks.knowledge import installed_views, listed_trunks


def review(
    store: Store, cache: DocumentCache, schemas: Schemas, account: Document, document: Document
) -> list[Finding]:
    """The findings, the worst first, without names of other accounts. Raises StoreError.

    A document that is not stored is taken as it would be.
    """
    account_id, db = account["_id"], account_db(account["_id"])
    document = {**_as_saved(account), **document}
    views = installed_views(store.find_doc(db, ROUTING))
    schema = schemas.get(connectivity.SCHEMA)
    found = trunk.findings(document, account, schema, trunk.is_coercing(cache), views)
    places = Places()
    for other in listed_trunks(store, db):
        if other["_id"] != document["_id"]:
            list(places.findings(account_id, other))
    found += [finding.in_document(document["_id"]) for finding in places.findings(account_id, document)]
    look_up = store_lookup(store)
    of_numbers = numbers.findings(look_up, look_up, cache, account_id, [document], names_owners=False)
    # A number is marked when its trunk is saved.
    found += [finding for finding in of_numbers if "_rev" in document or finding.rule != "number-mark"]
    return worst_first(found)


def _as_saved(account: Document) -> Document:
    account_id = account["_id"]
    private = {"pvt_account_id": account_id, "pvt_account_db": encoded(account_db(account_id))}
    return {"_id": "", "pvt_type": connectivity.TYPE, **private}
