"""What Kazoo does with calls and registrations of an account's trunks, computed from the documents.

Pure functions: `inbound.py` for calls from carriers, `outbound.py` for calls of trunk users, `registration.py` for
log-ins of PBXs. Each returns an `Outcome`, with the steps that led to it.

Facts: docs/kazoo/routing.md, cited by number.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from app.documents import Document
from app.numbers.classifiers import BUILT_IN, Classifiers
from app.numbers.normalise import BUILT_IN_CONVERTERS, BUILT_IN_RECONCILE, Converters


class Views(Enum):
    """Whose routing views an account has. Some outcomes depend on it; unknown ones count as this project's."""

    OURS = "this project's"
    KAZOOS = "Kazoo's"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Step:
    """What was looked at. `path` is the member that decided, such as ``servers.1.options.enabled``, in a document."""

    text: str
    path: str = ""
    document_id: str = ""


@dataclass(frozen=True)
class Outcome:
    """What Kazoo does.

    `route` is ``bridge`` (to a PBX), ``offnet`` (to carriers), ``respond``, ``hangup``, ``nothing`` or ``none``; of a
    registration ``ok``, ``refused`` or ``no answer``. `why` says why not. `target` is what is dialled, by Kazoo's
    names; of a registration it has the `password`, None for a random one. `then` is what follows when that fails.
    """

    route: str
    why: str = ""
    document_id: str | None = None
    target: Mapping[str, Any] = field(default_factory=dict)
    then: "Outcome | None" = None
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True)
class Number:
    """A number as the system knows it. `account_id` is None if nobody has it."""

    account_id: str | None
    state: str | None
    document: Document = field(default_factory=dict)


@dataclass(frozen=True)
class System:
    """What Kazoo knows. `account` is the account's document, and `documents` are all documents of its database.

    `find_number` finds a number in E.164 form.
    """

    account_id: str
    account: Document
    documents: tuple[Document, ...]
    find_number: Callable[[str], Number | None]
    views: Views = Views.OURS
    converters: Converters = BUILT_IN_CONVERTERS
    classifiers: Classifiers = field(default_factory=lambda: BUILT_IN)
    reconcile: str = BUILT_IN_RECONCILE

    @property
    def is_enabled(self) -> bool:
        """Whether Kazoo serves the account."""
        return self.account.get("pvt_enabled") is not False and self.account.get("enabled") is not False


class Failure(Exception):
    """Kazoo's process of the call fails at this member (35)."""

    def __init__(self, path: str):
        super().__init__(path)
        self.path = path
