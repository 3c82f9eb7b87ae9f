"""What a worker process holds between requests: the store, keys, schemas, buckets and the broker's line."""

import base64
import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from app import metrics
from app.auth.buckets import Buckets
from app.auth.keys import KeyRing
from app.auth.tokens import Tokens
from app.events.notices import Notices
from app.events.publisher import Publisher
from app.numbers.assignment import Assignment
from app.schema import Schemas
from app.settings import Settings
from app.store import Store
from app.store.couchdb import CouchDBStore
from app.store.embedded import EmbeddedStore
from app.store.recent import Recent


@dataclass(frozen=True)
class Services:
    """Everything a resource may reach. Nothing in it is known to this process alone."""

    settings: Settings
    store: Store
    recent: Recent
    keys: KeyRing
    tokens: Tokens
    buckets: Buckets
    schemas: Schemas
    notices: Notices
    assignment: Assignment
    publisher: Publisher | None = None

    @cached_property
    def node_name(self) -> str:
        """This node as envelopes show it: base64url of its name's MD5, 22 characters."""
        digest = hashlib.md5(self.settings.kazoo_node.encode()).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")

    def broker_state(self) -> str:
        """``none`` where no broker is set, ``connected``, or ``not connected`` (also before the first notice)."""
        if self.publisher is None:
            return "none"
        return "connected" if self.publisher.is_connected else "not connected"

    def close(self) -> None:
        """Send the notices that are still queued and let go of the store."""
        if self.publisher:
            self.publisher.close()
        self.store.close()

    def config(self, document: str, *path: str, default: Any = None) -> Any:
        """A value of a `system_config` document, as it is for this node."""
        return self.recent.setting(document, *path, default=default, nodes=self.settings.config_nodes)


def open_store(settings: Settings) -> Store:
    """The store that the settings name."""
    if settings.couchdb_urls:
        return CouchDBStore(settings.couchdb_urls, settings.couchdb_timeout)
    return EmbeddedStore(settings.data_dir)


def make_services(settings: Settings, buckets: Buckets | None = None, store: Store | None = None) -> Services:
    """Everything for one process; `buckets` come from the process that forks."""
    store = store or open_store(settings)
    recent = Recent(store)
    keys = KeyRing(store, recent, settings.config_nodes)
    publisher = Publisher(settings.amqp_url, metrics.notice_dropped) if settings.amqp_url else None
    notices = Notices(publisher, settings.kazoo_node)
    return Services(
        settings=settings,
        store=store,
        recent=recent,
        keys=keys,
        tokens=Tokens(keys, recent, strict=settings.strict_tokens),
        buckets=buckets or Buckets(),
        schemas=Schemas(),
        notices=notices,
        assignment=Assignment(store, notices, metrics.mark_failed),
        publisher=publisher,
    )
