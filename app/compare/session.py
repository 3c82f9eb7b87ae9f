"""Sessions of `requests` that send each path exactly as given and retry after a 429."""

import ssl
from functools import cache
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util import SKIP_HEADER, Retry

# The pauses after a 429 are 0, 1, 2, ... 16 seconds, or what `Retry-After` says.
RETRIES_OF_READS = Retry(
    total=None,
    connect=3,
    read=3,
    other=3,
    redirect=0,
    status=6,
    status_forcelist=(429,),
    allowed_methods=None,
    backoff_factor=0.5,
    backoff_max=16,
    retry_after_max=60,
    raise_on_status=False,
)
# A write whose answer was lost may have succeeded, so it is not sent again.
RETRIES_OF_WRITES = RETRIES_OF_READS.new(connect=0, read=0, other=0)
MOST_CONNECTIONS = 64
# The header that carries the path and query to the connection. It is not sent.
EXACT_TARGET = "x-exact-target"


def new_session(retries: Retry) -> requests.Session:
    """A session without default headers or cookies. It ignores proxies and passwords in the environment."""
    session = requests.Session()
    session.trust_env = False
    session.headers.clear()
    session.headers.update({"User-Agent": SKIP_HEADER, "Accept-Encoding": SKIP_HEADER})
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    for scheme in ("http://", "https://"):
        session.mount(scheme, _ExactAdapter(pool_maxsize=MOST_CONNECTIONS, max_retries=retries))
    return session


class _ExactConnection(HTTPConnection):
    """A connection that sends the exact target. urllib3 would rewrite `/a%2fb`, `/%zz` and `/../a`."""

    def request(self, method: str, url: str, body: Any = None, headers: Any = None, **options: Any) -> None:
        """Send a request."""
        headers = dict(headers or {})
        super().request(method, headers.pop(EXACT_TARGET, url), body, headers, **options)


class _ExactSecureConnection(_ExactConnection, HTTPSConnection):
    """The same, with TLS."""


class _ExactPool(HTTPConnectionPool):
    ConnectionCls = _ExactConnection


class _ExactSecurePool(HTTPSConnectionPool):
    ConnectionCls = _ExactSecureConnection


class _ExactAdapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options, ssl_context=_system_trust())
        self.poolmanager.pool_classes_by_scheme = {"http": _ExactPool, "https": _ExactSecurePool}


@cache
def _system_trust() -> ssl.SSLContext:
    """Trusts the system's certificate authorities, not only those of the certifi package. Loading takes 20 ms."""
    return ssl.create_default_context()
