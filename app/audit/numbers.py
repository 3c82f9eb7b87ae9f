"""The rules for the numbers of an account's trunks (docs/kazoo/documents.md, sections 7.1 and 7.2)."""

from collections.abc import Iterator

from app.audit import Finding, Severity
from app.audit.number_index import FindNumbers
from app.documents import Document, connectivity
from app.numbers import ownership
from app.numbers.assignment import needs_mark
from app.numbers.normalise import known_numbers
from app.numbers.ownership import IN_SERVICE, PORT_IN, TRUNKSTORE
from app.store.cache import DocumentCache

_RINGING = (IN_SERVICE, PORT_IN)


def findings(
    find: FindNumbers, look_up: FindNumbers, cache: DocumentCache, account_id: str, trunks: list[Document]
) -> Iterator[Finding]:
    """The problems with the numbers of an account's trunks.

    `find` may be out of date, so numbers that look wrong are looked up again with `look_up`.
    """
    numbers = known_numbers({did for trunk in trunks for did in connectivity.dids(trunk)}, cache.setting)
    documents = find(set(numbers.values()))
    doubtful = {number for number in numbers.values() if any(_problems(account_id, documents.get(number)))}
    documents = look_up(doubtful) if doubtful else {}
    for trunk in trunks:
        for did in connectivity.dids(trunk):
            number = numbers.get(did)
            if number in doubtful:
                for severity, rule, message in _problems(account_id, documents.get(number)):
                    yield Finding(severity, rule, f"{number} {message}", f"DIDs.{did}", trunk["_id"])


def _problems(account_id: str, document: Document | None) -> Iterator[tuple[Severity, str, str]]:
    """Severity, rule and message of each problem. Calls to a number always go to the account that owns it."""
    if document is None:
        yield Severity.ERROR, "number-missing", "is not in the system: its calls are rejected"
        return
    owner = document.get("pvt_assigned_to")
    if owner != account_id:
        yield Severity.ERROR, "number-owner", f"belongs to {owner or 'nobody'}: its calls go there"
        return
    state = ownership.state(document)
    if state not in _RINGING:
        yield Severity.ERROR, "number-state", f"is {state}: it does not ring"
    if needs_mark(document, TRUNKSTORE):
        mark = document.get("pvt_used_by")
        text = f"is marked as used by {mark}" if mark else "is not marked as used by a trunk"
        yield Severity.WARNING, "number-mark", f"{text}: `audit --fix number-mark` sets it"
