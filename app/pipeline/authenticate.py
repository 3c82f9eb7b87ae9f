"""Who is calling: the bucket is charged first, then the credentials are looked at (auth.md section 0)."""

import ipaddress
from functools import lru_cache

from app.auth import AuthDoc, buckets, hierarchy
from app.auth.credentials import basic_auth
from app.auth.trial import is_enabled
from app.context import Context, Stop, system_error
from app.documents.names import account_db
from app.pipeline.identify import BASIC, TOKEN, stop_if_expired

NO_ACCOUNT = "no_account"
REVERSE_PROXIES = ("127.0.0.1",)


def authenticate(context: Context) -> None:
    """Fill in `auth`. Stops with 429 on an empty bucket, 401 where the resource wants to know who calls."""
    if context.request.method == "OPTIONS":
        return
    if context.token_kind in (TOKEN, BASIC):
        charge(context)
    auth = _identified(context)
    if auth and auth.claims.get("as"):
        auth = _switched(context, auth)
    if auth and context.services.settings.strict_tokens:
        auth = auth if _is_account_enabled(context, auth) else None
    context.auth = auth
    if auth is None and not context.resource.is_anonymous(context):
        raise invalid_credentials()


def charge(context: Context, advertised: int = 1, draining: bool = False) -> None:
    """Take this request's cost from its bucket; stops with 429 where it is empty."""
    services, nodes = context.services, context.services.settings.config_nodes
    account_id = context.account_id or NO_ACCOUNT
    cost = buckets.cost_of(services.recent, nodes, account_id, context.nouns[-1][0], context.verb, advertised)
    if cost == 0:
        return
    name, size = f"{client_ip(context)}/{account_id}", buckets.size_for(services.recent, nodes)
    if services.buckets.take(name, cost, size):
        return
    if draining:
        services.buckets.drain(name, size)
    raise system_error(429, "too_many_requests")


def invalid_credentials() -> Stop:
    """The one 401 for all credentials that are missing or not good."""
    return system_error(401, "invalid_credentials")


def client_ip(context: Context) -> str:
    """The peer, or what a known reverse proxy says of it (auth.md section 6)."""
    forwarded = context.header("x-forwarded-for")
    if not forwarded:
        return context.request.peer
    config = context.services.config
    if config("crossbar", "check_reverse_proxies") is False:
        return forwarded
    proxies = config("crossbar", "reverse_proxies", default=REVERSE_PROXIES)
    trusted = tuple(proxy for proxy in proxies if isinstance(proxy, str))
    return forwarded if _is_among(context.request.peer, trusted) else context.request.peer


@lru_cache(maxsize=4096)
def _is_among(peer: str, networks: tuple[str, ...]) -> bool:
    try:
        address = ipaddress.ip_address(peer)
        return any(address in ipaddress.ip_network(network, strict=False) for network in networks)
    except ValueError:
        return False


def _identified(context: Context) -> AuthDoc | None:
    if context.token_kind == TOKEN:
        return context.early_auth
    if context.token_kind != BASIC:
        return None
    auth = basic_auth(
        context.services.store, context.services.recent, context.services.settings.config_nodes, context.token
    )
    if auth:
        stop_if_expired(context, auth)
    return auth


def _switched(context: Context, auth: AuthDoc) -> AuthDoc | None:
    """The identity that the `as` claim asks for; none at all where it is no descendant (auth.md 7.2)."""
    wanted = auth.claims["as"]
    if not isinstance(wanted, dict):
        return auth
    account_id, owner_id = wanted.get("account_id"), wanted.get("owner_id")
    if not isinstance(account_id, str) or not isinstance(owner_id, str):
        return auth
    descendant = context.services.recent.find_doc(account_db(account_id), account_id)
    if auth.account_id not in hierarchy.tree(descendant):
        return None
    return AuthDoc(account_id, owner_id, auth.method, auth.claims)


def _is_account_enabled(context: Context, auth: AuthDoc) -> bool:
    return is_enabled(hierarchy.account(context.services.recent, auth.account_id))
