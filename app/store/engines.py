"""The engines by name. A new engine is a file in this package and an entry here."""

from collections.abc import Callable

from app.settings import Settings
from app.store import Store
from app.store.couchdb import CouchDBStore
from app.store.embedded import EmbeddedStore

ENGINES: dict[str, Callable[[Settings], Store]] = {
    "couchdb": lambda settings: CouchDBStore(settings.couchdb_urls, settings.couchdb_timeout),
    "embedded": lambda settings: EmbeddedStore(settings.data_dir),
}


def open_store(settings: Settings) -> Store:
    """The store that the settings select. Raises Unavailable."""
    return ENGINES[settings.engine](settings)
