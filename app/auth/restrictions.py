"""Token restrictions, read from the documents for each request (docs/kazoo/auth.md, section 5.3)."""

from typing import Any

from app.auth import AuthDoc, hierarchy
from app.documents import object_member
from app.documents.names import account_db
from app.store.cache import DocumentCache

CATCH_ALL = "_"
DOCUMENT = "token_restrictions"
CONFIG = "crossbar.token_restrictions"


def is_denied(
    cache: DocumentCache,
    auth: AuthDoc,
    account_id: str | None,
    noun: str,
    params: list[str],
    verb: str,
) -> bool:
    """Whether the operator's restrictions forbid this request."""
    if hierarchy.is_superduper_admin(hierarchy.account(cache, auth.account_id)):
        return False
    rules_by_level = _rule_set(cache, auth)
    if rules_by_level is None:
        return False
    level = _priv_level(cache, auth)
    endpoints = rules_by_level.get(level, rules_by_level.get(CATCH_ALL))
    if not isinstance(endpoints, dict):
        return False
    entries = endpoints.get(noun, endpoints.get(CATCH_ALL))
    if not isinstance(entries, list):
        return True
    labels = _account_labels(cache, auth, account_id)
    for entry in entries:
        if _matches_account(object_member(entry, "allowed_accounts"), labels):
            return not _allows(object_member(entry, "rules"), params, verb)
    return True


def _rule_set(cache: DocumentCache, auth: AuthDoc) -> dict[str, Any] | None:
    """The account's rules for the token's method, otherwise the system's; None if neither has any."""
    document = cache.find_doc(account_db(auth.account_id), DOCUMENT)
    for name in (auth.method, CATCH_ALL):
        rules = object_member(document, "restrictions", name) if name and auth.method else None
        if isinstance(rules, dict):
            return rules
    for name in (auth.method, CATCH_ALL):
        rules = cache.setting(CONFIG, name) if name else None
        if isinstance(rules, dict):
            return rules
    return None


def _priv_level(cache: DocumentCache, auth: AuthDoc) -> str:
    default: str = cache.setting(CONFIG, "default_priv_level", default="admin")
    if not auth.owner_id or not auth.method:
        return default
    user = hierarchy.user(cache, auth.account_id, auth.owner_id)
    return default if user is None else user.get("priv_level") or "user"


def _account_labels(cache: DocumentCache, auth: AuthDoc, account_id: str | None) -> set[str]:
    if account_id is None:
        return {CATCH_ALL}
    if account_id == auth.account_id:
        return {CATCH_ALL, account_id, "{AUTH_ACCOUNT_ID}"}
    labels = {CATCH_ALL, account_id}
    if auth.account_id in hierarchy.tree(hierarchy.account(cache, account_id)):
        labels.add("{DESCENDANT_ACCOUNT_ID}")
    return labels


def _matches_account(allowed: Any, labels: set[str]) -> bool:
    if not isinstance(allowed, list) or allowed == [CATCH_ALL]:
        return True
    return bool(labels.intersection(item for item in allowed if isinstance(item, str)))


def _allows(rules: Any, params: list[str], verb: str) -> bool:
    """Whether the first rule with a matching path allows the verb. Rules are in document order."""
    for path, verbs in rules.items() if isinstance(rules, dict) else ():
        if path_matches(_segments(path), params):
            return isinstance(verbs, list) and (verb in verbs or CATCH_ALL in verbs)
    return False


def _segments(path: str) -> list[str]:
    segments = path.split("/")
    while segments and segments[-1] == "":
        segments.pop()
    return segments


def path_matches(pattern: list[str], params: list[str]) -> bool:
    """Whether a rule's segments match: `*` matches exactly one segment, `#` any number; others are literal."""
    if not pattern:
        return not params
    if pattern[0] == "#":
        return any(path_matches(pattern[1:], params[skip:]) for skip in range(len(params) + 1))
    return bool(params) and pattern[0] in ("*", params[0]) and path_matches(pattern[1:], params[1:])
