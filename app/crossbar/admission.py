"""Checks that the pipeline and the logins share: rate limits, expired trials, invalid credentials."""

import ipaddress
from functools import lru_cache
from typing import Any

from app.accounts import disable_expired
from app.auth import AuthDoc, buckets, hierarchy
from app.auth.trial import expired_since
from app.crossbar.context import Context, Stop, system_error, validation_error
from app.schema.errors import error

NO_ACCOUNT = "no_account"
BYTES_OF_A_TOKEN = 16_384
REVERSE_PROXIES = ("127.0.0.1",)


def charge(context: Context, advertised: int = 1, draining: bool = False) -> None:
    """Charge the request's cost to its bucket. Stops with 429 if that holds less (docs/kazoo/auth.md, section 6).

    `advertised` is the module's own cost, in tokens. `draining` is for logins. It empties the bucket before a 429,
    and charges the client's address as well as the account.
    """
    services = context.services
    account_id = context.account_id if context.has_account else NO_ACCOUNT
    cost = buckets.cost_of(services.cache, account_id, context.nouns[-1][0], context.verb, advertised)
    if cost == 0:
        return
    names, size = [f"{client_ip(context)}/{account_id}"], buckets.size_for(services.cache)
    if draining and context.has_account:
        # A client that guesses passwords may try a different account each time.
        names.append(f"{client_ip(context)}/{NO_ACCOUNT}")
    if all(services.buckets.take(name, cost, size) for name in names):
        return
    if draining:
        for name in names:
            services.buckets.drain(name, size)
    raise system_error(429, "too_many_requests")


def charge_body(context: Context, length: int) -> None:
    """Charge the client's address for a body of this length, sent without a valid token. Stops with 429.

    The cost is one token, plus one for each BYTES_OF_A_TOKEN.
    """
    services = context.services
    if buckets.cost_of(services.cache, NO_ACCOUNT, "", context.method) == 0:
        return
    cost, size = 1 + length // BYTES_OF_A_TOKEN, buckets.size_for(services.cache)
    if not services.buckets.take(f"{client_ip(context)}/bodies", min(cost, size.capacity), size):
        raise system_error(429, "too_many_requests")


def verified_claims(context: Context, token: str) -> dict[str, Any] | None:
    """The claims of a token, or None if it is not valid."""
    if token not in context.claims:
        context.claims[token] = context.services.tokens.verify(token)
    return context.claims[token]


def client_ip(context: Context) -> str:
    """The address of the client (docs/kazoo/auth.md, section 6).

    This is `X-Forwarded-For` if the peer is a known reverse proxy, or if `check_reverse_proxies` is false.
    Otherwise it is the peer's address.
    """
    forwarded = context.header("x-forwarded-for")
    if not forwarded:
        return context.peer
    config = context.services.config
    if config("crossbar", "check_reverse_proxies") is False:
        return forwarded
    proxies = config("crossbar", "reverse_proxies", default=REVERSE_PROXIES)
    trusted = tuple(proxy for proxy in proxies if isinstance(proxy, str))
    return forwarded if _is_among(context.peer, trusted) else context.peer


@lru_cache(maxsize=4096)
def _is_among(peer: str, networks: tuple[str, ...]) -> bool:
    try:
        address = ipaddress.ip_address(peer)
        return any(address in ipaddress.ip_network(network, strict=False) for network in networks)
    except ValueError:
        return False


def stop_if_expired(context: Context, auth: AuthDoc) -> None:
    """Stop with 400 if the trial of the token's own account has expired. This also disables that account."""
    services = context.services
    account = hierarchy.account(services.cache, auth.account_id)
    expired = expired_since(account)
    if expired is not None:
        disable_expired(services.store, services.cache, services.notices, auth.account_id)
        raise validation_error(error("account", "expired", message="account expired", cause=expired))


def invalid_credentials() -> Stop:
    """The 401 for missing or invalid credentials. It does not reveal which."""
    return system_error(401, "invalid_credentials")
