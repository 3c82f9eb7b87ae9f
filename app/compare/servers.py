"""One of the two servers: log-in, connections, retries and request rate."""

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import requests

from app.auth.credentials import credential_hash
from app.compare.conversation import RawAnswer
from app.compare.session import EXACT_TARGET, RETRIES_OF_READS, RETRIES_OF_WRITES, new_session
from app.settings import is_address
from app.words import reason

SECONDS = 60
# The pause after each 503 to a read, in seconds.
PAUSES_WHILE_BUSY = (0.5, 1.0, 2.0, 0.0)
# If the server refuses a token younger than this, the token has not expired.
SECONDS_OF_A_FRESH_TOKEN = 60.0


class Unreachable(Exception):
    """A server does not answer or refuses the log-in. The text says which server and why."""


@dataclass(frozen=True)
class Login:
    """The request that logs in or looks a token up. If `is_renewable`, each one gets a new token.

    `secret` is the member of `data` that proves who the caller is.
    """

    method: str
    path: str
    data: dict[str, Any] = field(repr=False)
    secret: str
    is_renewable: bool = True

    def with_wrong_secret(self) -> "Login":
        """The same with a secret that no account has."""
        secret = self.data[self.secret]
        # Of the same length, because schemas limit it.
        return replace(self, data={**self.data, self.secret: "0" * len(secret)})

    def at_account(self, account_id: str) -> "Login":
        """The same below an account's path."""
        version, noun = self.path.removeprefix("/").split("/", 1)
        return replace(self, path=f"/{version}/accounts/{account_id}/{noun}")


def user_login(name: str, password: str, account: str, is_realm: bool) -> Login:
    """A user's log-in. `account` is the realm or the name of the account (docs/kazoo/auth.md, section 3.1)."""
    member = "account_realm" if is_realm else "account_name"
    data = {"credentials": credential_hash(name, password), member: account}
    return Login("PUT", "/v2/user_auth", data, secret="credentials")


def key_login(api_key: str) -> Login:
    """A log-in with an account's API key."""
    return Login("PUT", "/v2/api_auth", {"api_key": api_key}, secret="api_key")


def token_login(token: str) -> Login:
    """The use of an existing token."""
    return Login("POST", "/v2/auth/tokeninfo", {"token": token}, secret="token", is_renewable=False)


class Pace:
    """Starts at most `rate` requests a second; None means no limit."""

    def __init__(self, rate: float | None):
        self._interval = 1 / rate if rate else 0.0
        self._next = 0.0
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Wait until the next request may start."""
        with self._lock:
            now = time.monotonic()
            start = max(now, self._next)
            self._next = start + self._interval
        time.sleep(start - now)


class Server:
    """A server; safe with threads. `url` may end in ``/v1`` or ``/v2``. Paths are sent exactly as given."""

    def __init__(self, name: str, url: str, login: Login, rate: float | None = None):
        self.name = name
        parts = urlsplit(url)
        if not is_address(url, "http", "https"):
            raise ValueError(f"{url} must be http(s)://…")
        self._root = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        self._prefix = parts.path.rstrip("/").removesuffix("/v1").removesuffix("/v2")
        self._login = login
        self._pace = Pace(rate)
        self._reads = new_session(RETRIES_OF_READS)
        self._lock = threading.Lock()
        self._logged_in_at = 0.0
        self.token = ""
        self.account_id = ""

    def log_in(self) -> RawAnswer:
        """Get a token and its account's id. Returns the answer to the log-in. Raises Unreachable."""
        with self._lock:
            return self._get_token()

    def other_log_ins(self) -> Iterator[tuple[str, RawAnswer]]:
        """Log-ins that servers should refuse, or treat alike: what is tried, and the answer. Raises Unreachable.

        None of them changes the token that `get` sends.
        """
        at_account = self._login.at_account(self.account_id)
        yield "wrong secret", self._send_login(self._login.with_wrong_secret())
        if self._login.is_renewable:
            yield "at the account's path", self._send_login(at_account)
            yield "at the account's path, with a token", self._send_login(at_account, {"x-auth-token": self.token})

    def get(self, target: str, headers: dict[str, str] | None = None) -> RawAnswer:
        """The answer to a GET with the token. Retries while the server is busy.

        Raises Unreachable, even for a refused token: two servers that refuse everything would look the same.
        """
        token = self.token
        answer = self._get(target, headers or {}, token)
        if answer[0] != 401:
            return answer
        if self._renew(token):
            answer = self._get(target, headers or {}, self.token)
        if answer[0] == 401:
            raise Unreachable(f"{self.name} refuses the token (401)")
        return answer

    def send(self, method: str, path: str, headers: dict[str, str], body: bytes | None) -> RawAnswer:
        """The answer to any request, which is retried only after a 429. Raises Unreachable."""
        # The server may have closed an idle connection, so this opens a new one.
        with new_session(RETRIES_OF_WRITES) as session:
            return self._exchange(session, method, path, headers, body)

    def _get(self, target: str, headers: dict[str, str], token: str) -> RawAnswer:
        for pause in PAUSES_WHILE_BUSY:
            answer = self._exchange(self._reads, "GET", target, {**headers, "x-auth-token": token}, None)
            if answer[0] != HTTPStatus.SERVICE_UNAVAILABLE:
                break
            time.sleep(pause)
        return answer

    def _renew(self, token: str) -> bool:
        """Log in again, unless another thread has or the token is fresh. Returns whether there is a new token."""
        with self._lock:
            if self.token != token:
                return True
            if not self._login.is_renewable or time.monotonic() - self._logged_in_at < SECONDS_OF_A_FRESH_TOKEN:
                return False
            self._get_token()
            return True

    def _get_token(self) -> RawAnswer:
        answer = self._send_login(self._login)
        status, _, answer_body = answer
        if status not in (200, 201):
            raise Unreachable(f"{self.name} refuses the log-in: {status}")
        try:
            envelope = json.loads(answer_body)
            self.token, self.account_id = str(envelope["auth_token"]), str(envelope["data"]["account_id"])
        except (ValueError, KeyError, TypeError):
            raise Unreachable(f"{self.name} answers the log-in without a token") from None
        self._logged_in_at = time.monotonic()
        return answer

    def _send_login(self, login: Login, headers: dict[str, str] | None = None) -> RawAnswer:
        body = json.dumps({"data": login.data}).encode()
        length = {"content-type": "application/json", "content-length": str(len(body))}
        return self.send(login.method, login.path, {**length, **(headers or {})}, body)

    def _exchange(
        self, session: requests.Session, method: str, path: str, headers: dict[str, str], body: bytes | None
    ) -> RawAnswer:
        self._pace.wait()
        headers = {**headers, EXACT_TARGET: self._prefix + path}
        try:
            answer = session.request(
                method, self._root, data=body, headers=headers, timeout=SECONDS, allow_redirects=False
            )
        except requests.RequestException as error:
            raise Unreachable(f"{self.name} does not answer: {reason(error)}") from error
        if answer.status_code == 429:
            raise Unreachable(f"{self.name} still answers 429 after several retries: set a --rate")
        return answer.status_code, {name.lower(): value for name, value in answer.headers.items()}, answer.content
