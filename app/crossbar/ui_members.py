"""What UIs keep in the documents of accounts and users, and may change: what calls and log-ins do not depend on."""

from collections.abc import Callable

from app.crossbar.context import validation_error
from app.documents import MISSING, Document
from app.kazoo import json_text
from app.schema.errors import error

# All together, in characters of JSON. Each request of a user reads the user and the account.
LARGEST = 262_144


def is_prefixed(name: str) -> bool:
    """Whether the name says that the member belongs to UIs."""
    return name.startswith("ui_")


def changed(sent: Document, before: Document) -> list[str]:
    """The members that are sent with another value than before, sorted. A null is no member."""
    return sorted(
        name
        for name, value in sent.items()
        if value != before.get(name, MISSING) and not (value is None and before.get(name) is None)
    )


def check_size(document: Document, is_kept: Callable[[str], bool]) -> None:
    """Stop with 400 if UIs keep too much in a document. `is_kept` says which members they keep."""
    lengths = {name: len(json_text.dumps(value)) for name, value in document.items() if is_kept(name)}
    if sum(lengths.values()) > LARGEST:
        largest = max(lengths, key=lambda name: lengths[name])
        message = f"What UIs keep in a document must not be more than {LARGEST} characters of JSON"
        raise validation_error(error(largest, "maxLength", message=message, target=LARGEST))
