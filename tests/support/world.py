"""Accounts in a store, and clients of a service."""

import copy
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

import requests

from app.accounts import system
from app.accounts.creation import add_account, add_user
from app.auth.credentials import credential_hash
from app.auth.keys import generate_pem
from app.documents import Document
from app.settings import Settings
from app.store import Store
from app.store.couchdb.store import CouchDBStore
from app.store.embedded.store import EmbeddedStore
from tests.support.waiting import PATIENCE

PASSWORD = "correct horse"


@dataclass
class Person:
    """An account with a user in it."""

    account: Document
    user: Document

    @property
    def account_id(self) -> str:
        return self.account["_id"]

    @property
    def realm(self) -> str:
        return self.account["realm"]

    @property
    def credentials(self) -> str:
        return credential_hash(self.user["username"], PASSWORD)


@cache
def _signing_key() -> bytes:
    """A key takes a moment to make, so the worlds of a process share one."""
    return generate_pem()


@dataclass
class World:
    """A store with a master account, and the environment of a service on it."""

    store: Store
    environment: dict[str, str]
    settings: Settings = field(default_factory=Settings)
    master: Person | None = None

    def populate(self, rate_limited: bool = False) -> "World":
        """Create what Kazoo would have, and the master account."""
        with mock.patch.object(system, "generate_pem", _signing_key):
            system.create_system(self.store)
        if not rate_limited:
            self.configure("crossbar", token_costs=0)
        self.master = self.person("Master", "master.example.com")
        if not self.store.is_embedded:
            self.configure("accounts", master_account_id=self.master.account_id)
        return self

    def person(self, name: str, realm: str, parent: Person | None = None, level: str = "admin") -> Person:
        """A new account, below `parent`, and its user."""
        account = add_account(self.store, self.settings, name, realm, parent.account_id if parent else None)
        user = add_user(self.store, account["_id"], f"user@{realm}", PASSWORD, level)
        return Person(account, user)

    def configure(self, document: str, **members: Any) -> None:
        """Set members of `default` in a document of `system_config`."""
        stored = self.store.find_doc("system_config", document) or {"_id": document, "pvt_type": "config"}
        stored["default"] = {**stored.get("default", {}), **members}
        self.store.save_doc("system_config", stored)


def embedded_world(directory: Path) -> World:
    """A world on the embedded store."""
    return World(EmbeddedStore(directory), {"DATA_DIR": str(directory)})


def couchdb_world(url: str) -> World:
    """A world on a CouchDB, which may be slow: the machine may be busy."""
    return World(CouchDBStore([url], timeout=PATIENCE), {"COUCHDB_URL": url, "COUCHDB_TIMEOUT": str(PATIENCE / 2)})


class Api:
    """A client of one account: paths below the account, answers as `requests` gives them."""

    def __init__(self, base: str, person: Person, version: str = "v2"):
        self.base = base
        self.person = person
        self.version = version
        self.session = requests.Session()
        answer = self.login()
        assert answer.status_code == 201, answer.text
        self.token = answer.json()["auth_token"]

    def at(self, base: str) -> "Api":
        """The same client, still logged in, of another service on the same store."""
        other = copy.copy(self)
        other.base = base
        return other

    def login(self) -> requests.Response:
        data = {"credentials": self.person.credentials, "account_realm": self.person.realm}
        url = f"{self.base}/{self.version}/user_auth"
        return self.session.put(url, json={"data": data}, timeout=PATIENCE)

    def url(self, path: str = "", account_id: str | None = None) -> str:
        return f"{self.base}/{self.version}/accounts/{account_id or self.person.account_id}/connectivity{path}"

    def call(self, method: str, path: str = "", data: Any = None, account_id: str | None = None, **more: Any):
        """One request to the account's connectivity; `data` goes into the envelope."""
        headers = {"X-Auth-Token": self.token, **more.pop("headers", {})}
        body = more.pop("json", None) or ({"data": data} if data is not None else None)
        url = self.url(path, account_id)
        return self.session.request(method, url, json=body, headers=headers, timeout=PATIENCE, **more)

    def create(self, data: Any = None) -> str:
        """A new trunk document; its id."""
        answer = self.call("PUT", data={} if data is None else data)
        assert answer.status_code == 201, answer.text
        return answer.json()["data"]["id"]


class Users:
    """A client of an account's users: `data` goes into the envelope, and `If_Match` is the header of that name."""

    def __init__(self, base: str, account_id: str, token: str):
        self._root = f"{base}/v2/accounts/{account_id}/users"
        self._token = token

    def __call__(self, method: str, user_id: str, data: Any = None, **headers: str) -> requests.Response:
        body = None if data is None else {"data": data}
        headers = {"X-Auth-Token": self._token, **{name.replace("_", "-"): value for name, value in headers.items()}}
        url = f"{self._root}/{user_id}"
        return requests.request(method, url, json=body, headers=headers, timeout=PATIENCE)


def server_with(*numbers: str, **auth: Any) -> Document:
    """A server as clients send it, with these DIDs."""
    return {
        "server_name": "pbx",
        "auth": {"auth_method": "Password", "auth_user": "user", "auth_password": "secret", **auth},
        "options": {"enabled": True},
        "DIDs": {number: {} for number in numbers},
    }
