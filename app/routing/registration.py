"""Registrations: may a PBX log in (19 to 25)."""

import ipaddress
from urllib.parse import unquote

from app.documents import Document
from app.documents.names import account_of
from app.routing import Outcome, Step, System, rows

# What the registrar asks for without a stored password.
RANDOM = "there is no password, so Kazoo makes up one that nobody knows (24)"


def register(system: System, user: str, realm: str) -> Outcome:
    """What the registrar answers to a user of a realm. `target` has the password as stored; None for a random one."""
    if _is_address(realm):
        return _refused("no answer", "the realm is an IP address", 19)
    account_realm = system.account.get("realm")
    if not isinstance(account_realm, str) or realm.lower() != account_realm.lower():
        return _refused("refused", f"the account's realm is {account_realm}", 19)
    row = rows.of_registration(system, user)
    if row is None:
        losses = rows.losses_of_registration(system, user)
        lost = (Step(loss.why, loss.path, document["_id"]) for document, loss in losses)
        return _refused("refused", "no server of a live trunk lets this user in", 20, *lost)
    found = Step("the server's user", f"{row.path}.auth.auth_user", row.document_id)
    if not system.is_enabled:
        return _refused("refused", "the account is disabled", 23, found)
    auth = row.server["auth"]
    path = f"{row.path}.auth.auth_password"
    if not has_valid_password(auth):
        at = Step("the password is no text, or empty (24)", path, row.document_id)
        why = "the reply is not valid: the password is not a non-empty string"
        return Outcome("no answer", why, row.document_id, steps=(found, at))
    password = auth.get("auth_password")
    at = Step(RANDOM if password is None else "it needs this password", path, row.document_id)
    owner = account_of(unquote(str(row.document.get("pvt_account_db"))))
    target = {"password": password, "account_id": owner or system.account_id}
    return Outcome("ok", "", row.document_id, target, steps=(found, at))


def has_valid_password(auth: Document) -> bool:
    """Whether the registrar answers at all: the password is a text, or missing (24)."""
    password = auth.get("auth_password")
    return "auth_password" not in auth or (isinstance(password, str) and password != "")


def _refused(route: str, why: str, fact: int, *steps: Step) -> Outcome:
    return Outcome(route, why, steps=(*steps, Step(f"{why} ({fact})")))


def _is_address(realm: str) -> bool:
    try:
        ipaddress.ip_address(realm)
    except ValueError:
        return False
    return True
