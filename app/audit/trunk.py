"""The rules for one trunk document (docs/kazoo/documents.md, sections 2 and 8). Those on calls are in `calls.py`."""

import json
from collections.abc import Iterator
from itertools import islice
from typing import Any

from app.audit import Finding, Severity, calls, fixes
from app.documents import MISSING, Document, connectivity, fields, object_member, value_at
from app.documents.names import account_db, encoded
from app.documents.secrets import SECRETS, masked
from app.routing import Views, rows
from app.schema import Invalid, Schema
from app.store.cache import DocumentCache

LONGEST_VALUE = 60
# Of one save.
MOST_LOGGED = 20


def is_coercing(cache: DocumentCache) -> bool:
    """Whether the API accepts text for numbers."""
    return cache.setting("crossbar", "schema_strict_validation", default=False) is not True


def findings(
    document: Document, account: Document, schema: Schema, coercing: bool = True, views: Views = Views.UNKNOWN
) -> list[Finding]:
    """The findings for a trunk document on its own. `account` is the account's document.

    `coercing` is what `is_coercing` says.
    """
    results = list(_private(document, account, views))
    if not fields.is_deleted(document):
        results += [*_schema(document, account, schema, coercing), *_realm(document, account)]
        results += [*handling(document, views), *calls.passwords(document)]
    return [finding.in_document(document["_id"]) for finding in results]


def handling(document: Document, views: Views = Views.UNKNOWN) -> Iterator[Finding]:
    """What Kazoo's call routing or billing do not handle as the owner of a trunk expects.

    Spec: docs/kazoo/routing.md and docs/kazoo/documents.md, section 10.
    """
    yield from calls.findings(document, views)
    for index, server in enumerate(connectivity.servers_by_index(document)):
        if not isinstance(server.get("DIDs"), dict):
            message = "Monster UI shows no PBX of the trunk: give the server an empty `DIDs`"
            yield Finding(Severity.WARNING, "no-dids", message, f"servers.{index}.DIDs")
    for path in (("billing",), ("service", "plans")):
        if object_member(document, *path) is not None:
            yield Finding(Severity.ERROR, "billing", "Kazoo bills for this, this service does not", ".".join(path))


def worst_errors(document: Document) -> list[Finding]:
    """The first errors among these, and what hides PBXs, for the log of a save. `audit` reports all."""
    found = handling(document)
    logged = (finding for finding in found if finding.severity is Severity.ERROR or finding.rule == "no-dids")
    return list(islice(logged, MOST_LOGGED))


def _schema(document: Document, account: Document, schema: Schema, coercing: bool) -> Iterator[Finding]:
    invalid = _refusal(document, schema, coercing)
    if invalid is None:
        return
    repaired = _refusal(fixes.inbound_format(document, account), schema, coercing)
    unrepaired = set(repaired.paths) if repaired else set()
    # Saves tolerate only values that the stored document already has.
    is_tolerable = not invalid.has_more and all(value_at(document, path) is not MISSING for path in invalid.paths)
    for path in invalid.paths:
        if path == ("servers",) and document.get("servers") is None:
            # A client's null removes the member, so this can be saved.
            continue
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


def _private(document: Document, account: Document, views: Views) -> Iterator[Finding]:
    account_id = account["_id"]
    if "pvt_type" not in document:
        message = "the document has no pvt_type: it is in no list, and its numbers do not ring"
        yield Finding(Severity.ERROR, "private", message, "pvt_type")
    for name, expected in (("pvt_account_id", account_id), ("pvt_account_db", encoded(account_db(account_id)))):
        if document.get(name) != expected:
            yield Finding(Severity.WARNING, "private", f"it is {document.get(name)!r}, not {expected!r}", name)
    if "_deleted" in document or "deleted" in document:
        yield Finding(Severity.NOTE, "deleted", "a deletion mark is left over; it has no effect here")
    goes_on = bool(rows.kept(rows.user_rows(document, Views.KAZOOS)))
    if fields.is_deleted(document) and goes_on and views is not Views.OURS:
        message = "the document is deleted, but with Kazoo's own views its options go on applying (routing, views)"
        yield Finding(Severity.NOTE, "deleted", message, "pvt_deleted")


def _realm(document: Document, account: Document) -> Iterator[Finding]:
    realm, account_realm = object_member(document, "account", "auth_realm"), account.get("realm")
    if not isinstance(account_realm, str) or str(realm).lower() == account_realm.lower():
        return
    message = (
        f"the realm is {realm!r}, not the account's {account_realm!r}: calls to its servers go there, and the"
        " settings of its users have no effect (routing 9, 28)"
    )
    yield Finding(Severity.ERROR, "realm", message, "account.auth_realm")
