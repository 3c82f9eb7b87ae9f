"""A store with the documents of the vectors."""

import base64

import pytest

from app.documents.names import account_db
from app.store.embedded.store import EmbeddedStore
from tests.unit.auth import ACCOUNT, VECTORS


@pytest.fixture
def store(tmp_path):
    """The documents of the vectors."""
    store = EmbeddedStore(tmp_path)
    store.load_docs("system_config", [VECTORS["docs"]["system_config/auth"]])
    key = dict(VECTORS["docs"][f"system_auth/{VECTORS['kid']}"])
    pem = base64.b64encode(VECTORS["private_key_pem"].encode()).decode()
    key["_attachments"] = {"private_key.pem": {"content_type": "application/x-pem-file", "data": pem}}
    store.load_docs("system_auth", [key])
    store.load_docs(account_db(ACCOUNT), VECTORS["docs"]["account%2Fa1%2Fb2%2Fc3d4e5f60718293a4b5c6d7e8f90"])
    return store
