"""The rules for one trunk document (docs/kazoo/documents.md, sections 2, 7.3 and 8)."""

import ipaddress
import json
from collections.abc import Iterator
from itertools import islice
from typing import Any

from app.audit import Finding, Severity, fixes
from app.documents import MISSING, Document, connectivity, fields, object_member, value_at
from app.documents.names import account_db, encoded
from app.documents.secrets import SECRETS, masked
from app.schema import Invalid, Schema

SHORTEST_PASSWORD = 8
LONGEST_VALUE = 60
# Of one save.
MOST_LOGGED = 20


def is_trunk(document: Document) -> bool:
    """Whether a document is a trunk, or has no type but looks like one."""
    pvt_type = document.get("pvt_type")
    if pvt_type is None:
        return isinstance(document.get("servers"), list)
    return bool(pvt_type == connectivity.TYPE)


def findings(document: Document, account: Document, schema: Schema, coercing: bool = True) -> list[Finding]:
    """The findings for a trunk document on its own. `account` is the account's document.

    `coercing` says whether the API accepts text for numbers (`schema_strict_validation` in `system_config/crossbar`).
    """
    results = list(_private(document, account))
    if not fields.is_deleted(document):
        results += [*_schema(document, account, schema, coercing), *_realm(document, account), *handling(document)]
        for index, server in enumerate(_servers(document)):
            results += _server(f"servers.{index}", server)
    return [finding.in_document(document["_id"]) for finding in results]


def handling(document: Document) -> Iterator[Finding]:
    """What Kazoo's views, call routing or billing do not handle as the owner of a trunk expects.

    Spec: docs/kazoo/documents.md, sections 7.3, 8, 10.
    """
    yield from _hidden(document)
    yield from _dids(document)
    for path in (("billing",), ("service", "plans")):
        if object_member(document, *path) is not None:
            yield Finding(Severity.ERROR, "billing", "Kazoo bills for this, this service does not", ".".join(path))


def worst_errors(document: Document) -> list[Finding]:
    """The first errors among these, for the log of a save. `audit` reports all."""
    errors = (finding for finding in handling(document) if finding.severity is Severity.ERROR)
    return list(islice(errors, MOST_LOGGED))


def _servers(document: Document) -> list[Document]:
    """The servers. One that is not an object is replaced with an empty one, so that indexes stay right."""
    servers = document.get("servers")
    return [server if isinstance(server, dict) else {} for server in servers] if isinstance(servers, list) else []


def _schema(document: Document, account: Document, schema: Schema, coercing: bool) -> Iterator[Finding]:
    invalid = _refusal(document, schema, coercing)
    if invalid is None:
        return
    repaired = _refusal(fixes.inbound_format(document, account), schema, coercing)
    unrepaired = set(repaired.paths) if repaired else set()
    # Saves tolerate only values that the stored document already has.
    is_tolerable = not invalid.has_more and all(value_at(document, path) is not MISSING for path in invalid.paths)
    for path in invalid.paths:
        remedies = ["TOLERATE_LEGACY_VALUES=true lets it through"] if is_tolerable else []
        remedies += ["`audit --fix inbound-format` repairs it"] if path not in unrepaired else []
        message = (
            f"the schema refuses {_value_text(path, value_at(document, path))}: a client cannot save the document"
        )
        yield Finding(Severity.ERROR, "schema", "; ".join([message, *remedies]), ".".join(map(str, path)))


def _refusal(document: Document, schema: Schema, coercing: bool) -> Invalid | None:
    try:
        # Validation fills in defaults, so it gets a copy. A round trip through JSON is the fastest way to copy.
        schema.validate(json.loads(json.dumps(fields.public(document))), coercing=coercing)
    except Invalid as invalid:
        return invalid
    return None


def _value_text(path: tuple[str | int, ...], value: Any) -> str:
    if value is MISSING:
        return "that it is missing"
    if path and path[-1] in SECRETS:
        return "its value"
    text = repr(masked(value))
    return text if len(text) <= LONGEST_VALUE else text[:LONGEST_VALUE] + "…"


def _private(document: Document, account: Document) -> Iterator[Finding]:
    account_id = account["_id"]
    if "pvt_type" not in document:
        message = "the document has no pvt_type: it is in no list, and its numbers do not ring"
        yield Finding(Severity.ERROR, "private", message, "pvt_type")
    for name, expected in (("pvt_account_id", account_id), ("pvt_account_db", encoded(account_db(account_id)))):
        if document.get(name) != expected:
            yield Finding(Severity.WARNING, "private", f"it is {document.get(name)!r}, not {expected!r}", name)
    if "_deleted" in document or "deleted" in document:
        yield Finding(Severity.NOTE, "deleted", "a deletion mark is left over; it has no effect here")
    if fields.is_deleted(document) and next(connectivity.servers(document), None) is not None:
        message = "the document is deleted, but its servers can still be found by their user names"
        yield Finding(Severity.NOTE, "deleted", message, "pvt_deleted")


def _hidden(document: Document) -> Iterator[Finding]:
    """What hides the whole document from one of Kazoo's views."""
    if not isinstance(document.get("account"), dict):
        yield Finding(Severity.ERROR, "realm", "the account is missing: no view shows the document", "account")
    for index, server in enumerate(_servers(document)):
        auth = server.get("auth")
        if not isinstance(auth, dict):
            message = "the server has no auth: none of the document's numbers ring"
            yield Finding(Severity.ERROR, "no-auth", message, f"servers.{index}.auth")
        elif method(auth) == "password" and not isinstance(server.get("options"), dict):
            message = "the server has no options: none of the document's servers can register"
            yield Finding(Severity.ERROR, "no-options", message, f"servers.{index}.options")
        elif not isinstance(auth.get("auth_user"), str):
            message = "the server has no auth_user: none of the document's servers can be found by user name"
            severity = Severity.ERROR if method(auth) == "password" else Severity.WARNING
            yield Finding(severity, "no-user", message, f"servers.{index}.auth.auth_user")


def _realm(document: Document, account: Document) -> Iterator[Finding]:
    realm, account_realm = object_member(document, "account", "auth_realm"), account.get("realm")
    if isinstance(account_realm, str) and realm != account_realm:
        message = f"the realm is {realm!r}, not the account's {account_realm!r}: its servers cannot register"
        yield Finding(Severity.ERROR, "realm", message, "account.auth_realm")


def _dids(document: Document) -> Iterator[Finding]:
    places: dict[str, str] = {}
    for index, server in enumerate(_servers(document)):
        dids = server.get("DIDs")
        for did in dids if isinstance(dids, dict) else ():
            path = f"servers.{index}.DIDs.{did}"
            if not did.startswith("+"):
                yield Finding(
                    Severity.ERROR, "number-format", "the number is not in E.164 format: it never rings", path
                )
            if did in places:
                message = f"the number is also in {places[did]}: it rings in only one of them"
                yield Finding(Severity.ERROR, "number-twice", message, path)
            places.setdefault(did, f"servers.{index}")


def _server(path: str, server: Document) -> Iterator[Finding]:
    auth = server.get("auth")
    if not isinstance(auth, dict):
        return
    if not is_enabled(server):
        yield Finding(Severity.NOTE, "disabled", "the server is disabled", path)
    if method(auth) == "password":
        yield from _password(f"{path}.auth.auth_password", auth)
    elif method(auth) == "ip":
        yield from _address(f"{path}.auth.ip", auth.get("ip"))


def method(auth: Document) -> str:
    """How a server authenticates, in lower case: ``password`` or ``ip``."""
    return str(auth.get("auth_method", "password")).lower()


def _password(path: str, auth: Document) -> Iterator[Finding]:
    password, user = auth.get("auth_password"), auth.get("auth_user")
    if not password:
        yield Finding(Severity.ERROR, "password", "the password is empty: anybody can call", path)
    elif isinstance(password, str) and isinstance(user, str) and password.lower() == user.lower():
        yield Finding(Severity.ERROR, "password", "the password is the user name", path)
    elif isinstance(password, str) and len(password) < SHORTEST_PASSWORD:
        message = f"the password has fewer than {SHORTEST_PASSWORD} characters"
        yield Finding(Severity.WARNING, "password", message, path)


def _address(path: str, ip: Any) -> Iterator[Finding]:
    try:
        address = ipaddress.ip_address(ip if isinstance(ip, str) else "")
    except ValueError:
        yield Finding(Severity.ERROR, "ip", f"{ip!r} is not an IP address: the server cannot call", path)
        return
    if not address.is_global or address.is_multicast:
        kind = "private" if address.is_private else "reserved"
        yield Finding(Severity.WARNING, "ip", f"{ip} is a {kind} address", path)


def is_enabled(server: Document) -> bool:
    """Whether a server takes part in calls."""
    return server.get("enabled") is not False and object_member(server, "options", "enabled") is not False
