"""Shared by all logins: checks whether the login is enabled, mints the token, and describes the account."""

from typing import Any

from app.auth import AuthDoc, attempts, configuration, hierarchy
from app.crossbar.admission import charge, client_ip, invalid_credentials
from app.crossbar.context import Context, Stop, plain_error, validation_error
from app.documents import object_member
from app.resources import apps
from app.schema import Invalid

LOGIN_COST = 35


def validated(context: Context, schema: str) -> dict[str, Any]:
    """The request's data, validated against a schema. Stops with 429, or with 400 on invalid data.

    The bucket is charged first, for the second time in this request (docs/kazoo/auth.md, section 6).
    """
    charge(context, advertised=LOGIN_COST, draining=True)
    data = context.data if isinstance(context.data, dict) else {}
    try:
        return context.services.schemas.get(schema).validate(dict(data))
    except Invalid as invalid:
        raise validation_error(invalid.errors) from None


def answer_token(context: Context, auth: AuthDoc, switch_to: Any = None) -> None:
    """Mint a token for this identity and answer with it and the account's particulars.

    Stops with 401 if this kind of login is disabled, or needs a second factor.

    Spec: docs/kazoo/auth.md, sections 2.4 and 3.5.
    """
    services = context.services
    module = configuration.module_settings(services.cache, auth.account_id, auth.method)
    if module.get("enabled", True) is False:
        raise plain_error(401, "invalid credentials")
    if object_member(module, "multi_factor", "enabled") is True:
        # This service cannot check a second factor. Kazoo can.
        raise plain_error(401, "invalid credentials")
    claims = {
        "account_id": auth.account_id,
        "owner_id": auth.owner_id,
        "as": switch_to,
        "method": auth.method,
    }
    seconds = configuration.token_seconds(services.cache, module)
    context.new_token = services.tokens.mint(claims, seconds)
    context.respond(particulars(context, auth), 201)
    context.revision = "automatic"
    context.paging = {"page_size": 1}
    context.location_id = auth.owner_id or auth.account_id
    default = auth.method in attempts.LOGS_SUCCESSES
    if module.get("log_successful_attempts", default) is True:
        _record(context, auth, succeeded=True)


def record_failure(context: Context, account_id: str, method: str) -> None:
    """Record a failed login to an account, unless the operator has turned that off."""
    services = context.services
    module = configuration.module_settings(services.cache, account_id, method)
    if module.get("log_failed_attempts", True) is True:
        _record(context, AuthDoc(account_id, method=method), succeeded=False)


def _record(context: Context, auth: AuthDoc, succeeded: bool) -> None:
    attempts.record(
        context.services.store,
        auth.account_id,
        auth.owner_id,
        auth.method,
        succeeded,
        "authentication resulted in token creation" if succeeded else "invalid credentials",
        client_ip(context),
        context.headers,
        context.author,
    )


def particulars(context: Context, auth: AuthDoc) -> dict[str, Any]:
    """The account and user as logins and token_auth describe them (docs/kazoo/auth.md, section 4.5)."""
    services = context.services
    account = hierarchy.account(services.cache, auth.account_id) or {}
    user = hierarchy.user(services.cache, auth.account_id, auth.owner_id) if auth.owner_id else None
    data = {
        "owner_id": auth.owner_id,
        "account_id": auth.account_id,
        "ui_config": {},
        "capabilities": {"voicemail": {"transcription": {"default": False, "available": False}}},
        "is_master_account": auth.account_id == services.config("accounts", "master_account_id"),
        "is_reseller": configuration.is_reseller(services.cache, auth.account_id),
        "reseller_id": configuration.reseller_id(services.cache, auth.account_id),
        "cluster_id": services.config("cluster", "cluster_id"),
        "account_name": account.get("name"),
        "language": (user or {}).get("language")
        or account.get("language")
        or services.config("crossbar", "default_language", default="en-US"),
        "apps": apps.available(services),
    }
    return {name: value for name, value in data.items() if value is not None}


def refused(context: Context, view_was_empty: bool = False) -> Stop:
    """The 401 for a login. If a view had no rows, the envelope's `page_size` says so."""
    if view_was_empty:
        context.paging = {"page_size": 0}
    return invalid_credentials()
