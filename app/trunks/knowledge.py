"""Reads what Kazoo knows of an account, for the questions that `app/routing` answers."""

from collections.abc import Iterator

from app import deadline
from app.auth.credentials import accounts_by_realm
from app.documents import Document, object_member
from app.documents.connectivity import TYPE
from app.documents.names import TRUNKS_VIEW, account_db
from app.numbers import ownership
from app.numbers.classifiers import classifiers
from app.numbers.normalise import BUILT_IN_RECONCILE, converters, normalise
from app.routing import Number, System, Views
from app.store import Store, Unavailable
from app.store.cache import DocumentCache
from app.store.design import ROUTING, needs_old_engine, routing_design


def system_of(store: Store, cache: DocumentCache, account_id: str) -> System:
    """What Kazoo knows of an account. Raises NotFound if there is no such account, and Unavailable.

    It reads all documents of the account: lists leave out trunks without `account`, which may ring and register.
    """
    db = account_db(account_id)
    account = store.open_doc(db, account_id)
    views = installed_views(store.find_doc(db, ROUTING))
    trunks = tuple(document for document in _in_time(store.iterate_docs(db)) if document.get("pvt_type") == TYPE)
    regex = cache.setting("number_manager", "reconcile_regex")
    return System(
        account_id,
        account,
        trunks,
        lambda number: find_number(store, number),
        views,
        converters(cache.setting),
        classifiers(cache.setting),
        regex if isinstance(regex, str) else BUILT_IN_RECONCILE,
    )


def listed_trunks(store: Store, db: str) -> Iterator[Document]:
    """The trunks that lists show. Raises Unavailable, ViewMissing."""
    ids = [row.id for row in store.query_view(db, TRUNKS_VIEW) if row.id]
    return _in_time(store.read_docs(db, ids))


def _in_time(documents: Iterator[Document]) -> Iterator[Document]:
    """The same documents. Raises Unavailable after the request's deadline."""
    for document in documents:
        if deadline.is_over():
            raise Unavailable("the account has too many documents to look at in time")
        yield document


def find_number(store: Store, number: str) -> Number | None:
    """A number in E.164 form as the system knows it, or None. Raises Unavailable."""
    document = ownership.number_documents(store, [number]).get(number) if number else None
    return as_number(document) if document else None


def as_number(document: Document) -> Number:
    """A number from its document."""
    owner = document.get("pvt_assigned_to")
    return Number(owner if isinstance(owner, str) and owner else None, ownership.state(document), document)


def known_number(store: Store, cache: DocumentCache, typed: str) -> Number | None:
    """A number as the system knows it, however it is typed."""
    return find_number(store, normalise(typed, converters(cache.setting)))


def account_of_realm(store: Store, realm: str) -> str | None:
    """The id of the account with a realm, in any letter case; None if there is none."""
    found = accounts_by_realm(store, realm)
    return found[0] if found else None


def installed_views(design: Document | None) -> Views:
    """Whose routing views these are, by the function that finds numbers."""
    stored = object_member(design, "views", "lookup_did", "map")
    if not isinstance(stored, str):
        return Views.UNKNOWN
    if needs_old_engine(stored):
        return Views.KAZOOS
    return Views.OURS if stored == routing_design()["views"]["lookup_did"]["map"] else Views.UNKNOWN
