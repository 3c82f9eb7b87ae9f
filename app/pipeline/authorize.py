"""Checks whether the request is allowed, by the rule between tenants and by the operator's restrictions.

Spec: docs/kazoo/auth.md, section 5.
"""

from app.auth import hierarchy, restrictions
from app.crossbar.context import Context, system_error


def authorize(context: Context) -> None:
    """Stop with 403 if either forbids the request. Stop with 404 if the path lacks an account but needs one."""
    if context.method == "OPTIONS" and context.resource.ANSWERS_PREFLIGHTS:
        return
    resource = context.resource
    account = context.account if context.has_account else None
    allowed = resource.authorize(context)
    if allowed is None:
        allowed = context.has_auth and hierarchy.is_allowed(context.services.cache, context.auth.account_id, account)
    if context.has_auth and not resource.is_anonymous(context) and _is_restricted(context):
        raise system_error(403, "forbidden", {"cause": "access denied by token restrictions", "message": "forbidden"})
    if not allowed:
        raise system_error(403, "forbidden")
    if resource.NEEDS_ACCOUNT and account is None:
        raise system_error(404, "not_found")


def _is_restricted(context: Context) -> bool:
    noun, params = context.nouns[-1]
    account_id = context.account_id if context.has_account else None
    return any(
        restrictions.is_denied(context.services.cache, identity, account_id, noun, params, context.verb)
        for identity in context.auth.identities
    )
