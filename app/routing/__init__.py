"""What Kazoo does with calls and registrations of an account's trunks, computed from the documents.

Pure functions: `inbound.py` for calls from carriers, `outbound.py` for calls of trunk users, `registration.py` for
log-ins of PBXs. Each returns an `Outcome`, with the steps that led to it.

Facts: docs/kazoo/routing.md, cited by number.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from enum import Enum
from typing import Any

from app.documents import Document
from app.numbers.classifiers import BUILT_IN, Classifiers
from app.numbers.normalise import BUILT_IN_CONVERTERS, BUILT_IN_RECONCILE, Converters

# The number of a caller or callee of whom nothing is known.
SOMEBODY = "+12125550100"


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

    @property
    def is_good(self) -> bool:
        """Whether the number rings, the call goes out, or the PBX may register with a password that it can know."""
        return self.route in ("bridge", "offnet") or (self.route == "ok" and self.target.get("password") is not None)

    def as_json(self) -> dict[str, Any]:
        """The outcome as `explain --json` and the API answer it, without what a registration hands out."""
        told = asdict(self)
        told["target"] = {} if self.route == "ok" else dict(self.target)
        told["then"] = self.then.as_json() if self.then else None
        return {**told, "text": sentence(self)}


def sentence(outcome: Outcome) -> str:
    """What happens, for people."""
    target = outcome.target
    if outcome.route == "bridge" and "to_did" in target:
        return f"it rings at {place(outcome)}, dialled as {target['to_did']} ({target['invite_format']})"
    if outcome.route == "ok":
        is_known = target.get("password") is not None
        return "it may register with its password" if is_known else "it has no password, so it cannot register"
    return {
        "bridge": f"it rings at {target.get('route')}",
        "offnet": f"it goes to the carriers as {target.get('to_did')}",
        "respond": f"the caller gets {target.get('code')}",
        "hangup": "hang up",
        "nothing": f"nothing happens: {outcome.why}",
        "refused": f"it may not register: {outcome.why}",
        "no answer": f"the registration gets no answer: {outcome.why}",
    }.get(outcome.route, f"it does not go through: {outcome.why}")


def place(outcome: Outcome) -> str:
    """Where a call that is bridged rings: an address, or a user and a realm."""
    target = outcome.target
    at = target.get("to_ip") or f"{target.get('to_user', '(no user)')}@{target.get('to_realm', '(no realm)')}"
    return f"{at}:{target['port']}" if "port" in target else str(at)


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
