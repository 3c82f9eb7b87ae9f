"""One of the two servers: log-in, connections, retries, and how many requests a second it gets."""

import json
import threading
import time
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import requests

from app.auth.credentials import credential_hash
from app.compare.conversation import RawAnswer
from app.compare.session import EXACT_TARGET, RETRIES_OF_READS, RETRIES_OF_WRITES, new_session

SECONDS = 60
# After each 503 to a read, in seconds.
PAUSES_WHILE_BUSY = (0.5, 1.0, 2.0, 0.0)
# A token that is younger than this is not bad because of its age.
SECONDS_OF_A_FRESH_TOKEN = 60.0


class Unreachable(Exception):
    """A server does not answer, or refuses the log-in. The text says which, and why."""


@dataclass(frozen=True)
class Login:
    """The request that logs in, or that tells whose a token is. `is_renewable`: it gives a new token each time."""

    method: str
    path: str
    data: dict[str, Any] = field(repr=False)
    is_renewable: bool = True


def user_login(name: str, password: str, account: str, is_realm: bool) -> Login:
    """The log-in of a user. `account` is the realm or the name of the account (docs/kazoo/auth.md, section 1)."""
    place = "account_realm" if is_realm else "account_name"
    return Login("PUT", "/v2/user_auth", {"credentials": credential_hash(name, password), place: account})


def key_login(api_key: str) -> Login:
    """The log-in with an account's API key."""
    return Login("PUT", "/v2/api_auth", {"api_key": api_key})


def token_login(token: str) -> Login:
    """A token that is there already."""
    return Login("POST", "/v2/auth/tokeninfo", {"token": token}, is_renewable=False)


class Pace:
    """Lets at most `rate` requests a second begin; None lets all."""

    def __init__(self, rate: float | None):
        self._interval = 1 / rate if rate else 0.0
        self._next = 0.0
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Wait until the next request may begin."""
        with self._lock:
            now = time.monotonic()
            at = max(now, self._next)
            self._next = at + self._interval
        time.sleep(at - now)


class Server:
    """A server, used by several threads. `url` may end in ``/v1`` or ``/v2``. Paths are sent exactly as given."""

    def __init__(self, name: str, url: str, login: Login, rate: float | None = None):
        self.name = name
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
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
        """Get a token, and find out whose it is. Returns the answer to the log-in. Raises Unreachable."""
        with self._lock:
            return self._get_token()

    def get(self, target: str, headers: dict[str, str] | None = None) -> RawAnswer:
        """The answer to a GET with the token. Waits where the server is busy.

        Raises Unreachable, also if the token is refused: both servers would refuse everything in the same way.
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
        """The answer to any request. It is sent again only if the server refused it as one too many.

        Raises Unreachable.
        """
        # On a new connection, which the server has not closed meanwhile.
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
        """Log in again, unless another thread has or the token is fresh. Whether there is a new token."""
        with self._lock:
            if self.token != token:
                return True
            if not self._login.is_renewable or time.monotonic() - self._logged_in_at < SECONDS_OF_A_FRESH_TOKEN:
                return False
            self._get_token()
            return True

    def _get_token(self) -> RawAnswer:
        body = json.dumps({"data": self._login.data}).encode()
        headers = {"content-type": "application/json", "content-length": str(len(body))}
        answer = self.send(self._login.method, self._login.path, headers, body)
        status, _, text = answer
        if status not in (200, 201):
            raise Unreachable(f"{self.name} refuses the log-in: {status}")
        try:
            envelope = json.loads(text)
            self.token, self.account_id = str(envelope["auth_token"]), str(envelope["data"]["account_id"])
        except (ValueError, KeyError, TypeError):
            raise Unreachable(f"{self.name} gives no token") from None
        self._logged_in_at = time.monotonic()
        return answer

    def _exchange(
        self, session: requests.Session, method: str, path: str, headers: dict[str, str], body: bytes | None
    ) -> RawAnswer:
        self._pace.wait()
        sent = {**headers, EXACT_TARGET: self._prefix + path}
        try:
            answer = session.request(
                method, self._root, data=body, headers=sent, timeout=SECONDS, allow_redirects=False
            )
        except requests.RequestException as error:
            raise Unreachable(f"{self.name} does not answer: {type(error).__name__}: {error}") from error
        if answer.status_code == 429:
            raise Unreachable(f"{self.name} refuses further requests (429): set a --rate")
        return answer.status_code, {name.lower(): value for name, value in answer.headers.items()}, answer.content
