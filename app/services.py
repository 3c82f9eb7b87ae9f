"""The objects that a worker process keeps between requests, such as the store, keys and schemas."""

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

from app import metrics
from app.auth.buckets import Buckets
from app.auth.keys import KeyRing
from app.auth.tokens import Tokens
from app.documents import Document
from app.ending import Ending
from app.events.notices import Notices
from app.events.publisher import Publisher
from app.history.versions import History
from app.later import Later
from app.numbers import reconcile
from app.numbers.assignment import Assignment
from app.numbers.documents import NumberDocuments
from app.schema import Invalid, Schemas
from app.settings import Settings
from app.store import Store
from app.store.cache import DocumentCache
from app.store.engines import open_store
from app.store.replicated import Replicated
from app.trunks.overwrites import Additions
from app.trunks.service import Trunks


@dataclass(frozen=True)
class Services:
    """Everything that a resource may use. None of it is data that another instance must know."""

    settings: Settings
    store: Store
    cache: DocumentCache
    keys: KeyRing
    tokens: Tokens
    buckets: Buckets
    ending: Ending
    schemas: Schemas
    notices: Notices
    numbers: NumberDocuments
    assignment: Assignment
    trunks: Trunks
    publisher: Publisher | None = None
    history: History | None = None

    @cached_property
    def node_name(self) -> str:
        """The name of this node in envelopes: the MD5 of its real name in base64url, 22 characters."""
        digest = hashlib.md5(self.settings.kazoo_node.encode()).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")

    def broker_state(self) -> str:
        """``none`` if no broker is configured, else ``connected`` or ``not connected``.

        It is also ``not connected`` before the first notice.
        """
        if self.publisher is None:
            return "none"
        return "connected" if self.publisher.is_connected else "not connected"

    def close(self) -> None:
        """Send the queued notices, and close the store."""
        if self.publisher:
            self.publisher.close()
        self.store.close()

    def validated(
        self, schema: str, data: Document, stored: Callable[[], Document | None] = lambda: None
    ) -> Document:
        """The data with the schema's defaults. Raises Invalid.

        `stored` returns the current document. If the document has these values and they are tolerated, the data is
        returned unchanged.
        """
        strict = self.config("crossbar", "schema_strict_validation", default=False)
        try:
            return self.schemas.get(schema).validate(data, coercing=strict is not True)
        except Invalid as invalid:
            if self.settings.tolerate_legacy_values and invalid.was_stored(data, stored()):
                return data
            raise

    def config(self, document: str, *path: str, default: Any = None) -> Any:
        """The value at a path of a `system_config` document, for this node."""
        return self.cache.setting(document, *path, default=default)


def make_services(
    settings: Settings,
    buckets: Buckets | None = None,
    store: Store | None = None,
    additions: Additions | None = None,
    ending: Ending | None = None,
) -> Services:
    """The services of a process.

    Make `buckets`, `additions` and `ending` before the workers fork, so that they share them.
    """
    store = store or open_store(settings, creates=False)
    cache = DocumentCache(store, settings.config_nodes)
    keys = KeyRing(store, cache)
    publisher = Publisher(settings.amqp_url, metrics.notice_dropped) if settings.amqp_url else None
    notices = Notices(publisher, settings.kazoo_node)
    if isinstance(store, Replicated):
        # A repair of conflicting leaves is a write, so the other nodes must be notified.
        store.on_repair = notices.edited
    numbers = NumberDocuments(store, notices, metrics.mark_failed)
    assignment = Assignment(numbers, cache, metrics.mark_failed)
    late_marks = Later("marks", partial(reconcile.repair, store, cache, numbers, assignment))
    history = History(store, settings.history_days, metrics.history_failed) if settings.history else None
    return Services(
        settings=settings,
        store=store,
        cache=cache,
        keys=keys,
        tokens=Tokens(keys, cache, strict=settings.strict_tokens),
        buckets=buckets or Buckets(),
        ending=ending or Ending(),
        schemas=Schemas(),
        notices=notices,
        numbers=numbers,
        assignment=assignment,
        trunks=Trunks(
            store,
            cache,
            notices,
            assignment,
            history,
            late_marks,
            additions or Additions(),
            metrics.number_overwritten,
        ),
        publisher=publisher,
        history=history,
    )
