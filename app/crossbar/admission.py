"""Checks that the pipeline and the logins share: rate limits, expired trials, invalid credentials."""

from typing import Any

from app.accounts import disable_expired
from app.auth import AuthDoc, buckets, hierarchy
from app.auth.addresses import canonical, is_among
from app.auth.trial import expired_since
from app.crossbar.context import Context, Stop, system_error, validation_error
from app.schema.errors import error

NO_ACCOUNT = "no_account"
BYTES_OF_A_TOKEN = 16_384
# How many credentials of an account may be wrong: a hundred at once, then two a second, and from one address one in
# two seconds. So it takes four addresses to keep others from logging in. A request counts until it proves right.
GUESSES_AT_ACCOUNT = buckets.Size(capacity=100, refill=2, period=1.0)
GUESSES_BY_ADDRESS = buckets.Size(capacity=100, refill=1, period=2.0)
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


def charge_guess(context: Context, account_id: str) -> None:
    """Charge a guess at an account's credentials to the client's address and to the account, before it is looked up.

    Stops with 429 if either has guessed, or was guessed at, too often.
    """
    for name, size in _guesses(context, account_id).items():
        if not context.services.buckets.take(name, 1, size):
            raise system_error(429, "too_many_requests")


def refund_guess(context: Context, account_id: str) -> None:
    """Take the charge back: the credentials were right."""
    for name, size in _guesses(context, account_id).items():
        context.services.buckets.give(name, 1, size)


def _guesses(context: Context, account_id: str) -> dict[str, buckets.Size]:
    """The buckets of a guess; none if the operator has switched limits off for such requests."""
    noun = context.nouns[-1][0]
    if not buckets.cost_of(context.services.cache, account_id, noun, context.verb):
        return {}
    names = f"guesses by {client_ip(context)}", f"guesses at {account_id}"
    return dict(zip(names, (GUESSES_BY_ADDRESS, GUESSES_AT_ACCOUNT), strict=True))


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
    peer, forwarded = canonical(context.peer), context.header("x-forwarded-for")
    if not forwarded:
        return peer
    config = context.services.config
    if config("crossbar", "check_reverse_proxies") is False:
        return forwarded
    proxies = config("crossbar", "reverse_proxies", default=REVERSE_PROXIES)
    trusted = tuple(proxy for proxy in proxies if isinstance(proxy, str))
    return forwarded if is_among(peer, trusted) else peer


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
