"""The engines by name. To add an engine, add a file to this package and an entry here."""

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
    """Open the store that the settings select. With `creates`, it may be a new one. Raises Unavailable.

    Workers never create a store. If it was removed after the start, an empty store would hide that.
    """
    return ENGINES[settings.engine](settings, creates)
