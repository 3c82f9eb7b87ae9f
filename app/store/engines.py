"""The engines by name. A new engine is a file in this package and an entry here."""

from collections.abc import Callable

from app.settings import Settings
from app.store import Store
from app.store.couchdb.store import CouchDBStore
from app.store.embedded.store import EmbeddedStore

ENGINES: dict[str, Callable[[Settings, bool], Store]] = {
    "couchdb": lambda settings, creates: CouchDBStore(settings.couchdb_urls, settings.couchdb_timeout),
    "embedded": lambda settings, creates: EmbeddedStore(settings.data_dir, creates),
}


def open_store(settings: Settings, creates: bool = True) -> Store:
    """The store that the settings select. With `creates`, it may begin as an empty one. Raises Unavailable.

    Workers do not create a store. It may have been removed since the start, and an empty one would hide that.
    """
    return ENGINES[settings.engine](settings, creates)
