"""The rules for the numbers of an account's trunks (docs/kazoo/documents.md, sections 7.1 and 7.2)."""

from collections.abc import Iterator

from app.audit import Finding, Severity
from app.audit.number_index import FindNumbers
from app.documents import Document, connectivity
from app.numbers.assignment import needs_mark
from app.numbers.normalise import known_numbers
from app.numbers.ownership import TRUNKSTORE
from app.routing import inbound
from app.store.cache import DocumentCache
from app.trunks.knowledge import as_number

MOST_NAMED = 10


def findings(
    find: FindNumbers,
    look_up: FindNumbers,
    cache: DocumentCache,
    account_id: str,
    trunks: list[Document],
    names_owners: bool = True,
) -> Iterator[Finding]:
    """The problems with the numbers of an account's trunks.

    `find` may be out of date, so numbers that look wrong are looked up again with `look_up`. `names_owners` is for
    operators: nobody else may be told whose a number is.
    """
    numbers = known_numbers({did for trunk in trunks for did in connectivity.dids(trunk)}, cache.setting)
    documents = find(set(numbers.values()))
    doubtful = {number for number in numbers.values() if not _is_right(account_id, documents.get(number))}
    documents = look_up(doubtful) if doubtful else {}
    for trunk in trunks:
        missing = []
        for did in connectivity.dids(trunk):
            number = numbers.get(did)
            if number not in doubtful:
                continue
            document = documents.get(number)
            if document is None:
                missing.append(number)
            problems = _problems(account_id, document, trunk, names_owners) if document else ()
            for severity, rule, message in problems:
                yield Finding(severity, rule, f"{number} {message}", f"DIDs.{did}", trunk["_id"])
        if missing:
            yield _missing(missing, trunk["_id"])


def _missing(numbers: list[str], trunk_id: str) -> Finding:
    """One finding for all numbers of a trunk that the system does not know."""
    if len(numbers) == 1:
        message = f"{numbers[0]} is not in the system: its calls are rejected (routing 2)"
        return Finding(Severity.ERROR, "number-missing", message, f"DIDs.{numbers[0]}", trunk_id)
    first = ", ".join(numbers[:MOST_NAMED]) + (", …" if len(numbers) > MOST_NAMED else "")
    message = f"{len(numbers)} numbers are not in the system, so their calls are rejected (routing 2): {first}"
    return Finding(Severity.ERROR, "number-missing", message, "DIDs", trunk_id)


def _is_right(account_id: str, document: Document | None) -> bool:
    return document is not None and not any(_problems(account_id, document, {}, names_owners=False))


def _problems(
    account_id: str, document: Document, trunk: Document, names_owners: bool
) -> Iterator[tuple[Severity, str, str]]:
    """Severity, rule and message of each problem. Calls to a number always go to the account that owns it."""
    known = as_number(document)
    refusal = inbound.refusal_of_number(known, account_id)
    if refusal in (inbound.NOT_ASSIGNED, inbound.NOT_OURS):
        owner = (known.account_id if names_owners else "another account") if known.account_id else "nobody"
        yield Severity.ERROR, "number-owner", f"belongs to {owner}: its calls go there (routing 3)"
        return
    if refusal:
        yield Severity.ERROR, "number-state", f"is {known.state}: it does not ring (routing 2)"
    if needs_mark(document, TRUNKSTORE):
        mark = document.get("pvt_used_by")
        text = f"is marked as used by {mark}" if mark else "is not marked as used by a trunk"
        # In Kazoo a PUT marks nothing.
        is_new = str(trunk.get("_rev")).startswith("1-")
        severity = Severity.NOTE if is_new and not mark else Severity.WARNING
        yield severity, "number-mark", f"{text}: `audit --fix number-mark` sets it"
