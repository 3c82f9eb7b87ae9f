"""The vectors that Kazoo 4.3's own code made or judged, and stores with settings."""

import json
from pathlib import Path

from app.store.cache import DocumentCache
from app.store.embedded.store import EmbeddedStore

VECTORS = json.loads(Path(__file__).with_name("auth_vectors.json").read_text())
ACCOUNT = "a1b2c3d4e5f60718293a4b5c6d7e8f90"
OWNER = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"


def config_store(tmp_path, **documents):
    """What reads `system_config` where these documents are, each named with `__` for a dot."""
    store = EmbeddedStore(tmp_path)
    rows = [{"_id": name.replace("__", "."), "default": default} for name, default in documents.items()]
    store.load_docs("system_config", rows)
    return DocumentCache(store)
