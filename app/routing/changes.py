"""What changes for the numbers and PBXs of an account when one of its trunks changes."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

from app.documents import Document, connectivity, object_member
from app.numbers.normalise import normalise
from app.routing import SOMEBODY, Outcome, System, place
from app.routing.inbound import inbound
from app.routing.outbound import outbound
from app.routing.registration import register


@dataclass(frozen=True)
class Change:
    """What is different for a `number` or a `user`, in words."""

    kind: str
    subject: str
    text: str

    def as_json(self) -> dict[str, Any]:
        """The change as commands print it."""
        return asdict(self)

    def __str__(self) -> str:
        return f"{self.kind} {self.subject} {self.text}"


@dataclass(frozen=True)
class _Words:
    """What a number or a user does."""

    does: str
    does_not: str
    stops: str


_RINGING = _Words("rings", "does not ring", "stops ringing")
_CALLING = _Words("can call out", "cannot call out", "can call out no more")
_NO_PASSWORD = "it has no password"


def changes(system: System, trunk_id: str, after: Document | None) -> list[Change]:
    """What changes if this trunk is `after`, or is gone with None. All trunks of the account count.

    A number or a user that neither version of the trunk has may change too, because servers share users.
    """
    others = [document for document in system.documents if document["_id"] != trunk_id]
    before = next((document for document in system.documents if document["_id"] == trunk_id), None)
    versions = [version for version in (before, after) if version]
    then = with_trunk(system, trunk_id, after)
    users = sorted({user.lower(): user for version in versions for user in _users(version)}.values())
    sharing = [
        other for other in others if {user.lower() for user in _users(other)} & {each.lower() for each in users}
    ]
    dids = {normalise(did, system.converters) for one in (*versions, *sharing) for did in connectivity.dids(one)}
    return [*_of_numbers(system, then, sorted(dids)), *_of_users(system, then, users)]


def with_trunk(system: System, trunk_id: str, after: Document | None) -> System:
    """The system with this trunk in place of the one with its id; with None, without it."""
    others = tuple(document for document in system.documents if document["_id"] != trunk_id)
    return replace(system, documents=(*others, after) if after else others)


def _users(document: Document) -> Iterator[str]:
    for server in connectivity.servers(document):
        user = object_member(server, "auth", "auth_user")
        if isinstance(user, str) and user:
            yield user


def _of_numbers(before: System, after: System, numbers: list[str]) -> Iterator[Change]:
    for number in numbers:
        old, new = (inbound(system, number, ("", SOMEBODY)) for system in (before, after))
        if text := _difference(old, new, _RINGING):
            yield Change("number", number, text)


def _of_users(before: System, after: System, users: list[str]) -> Iterator[Change]:
    realm = str(before.account.get("realm"))
    for user in users:
        old, new = (register(system, user, realm) for system in (before, after))
        if old.is_good != new.is_good:
            yield Change(
                "user", user, "can register" if new.is_good else f"can register no more: {new.why or _NO_PASSWORD}"
            )
        elif old.is_good and old.target != new.target:
            yield Change("user", user, "registers with another password")
        old, new = (outbound(system, user, realm, SOMEBODY, (user, SOMEBODY)) for system in (before, after))
        if text := _difference(old, new, _CALLING):
            yield Change("user", user, text)


def _difference(old: Outcome, new: Outcome, words: "_Words") -> str | None:
    """What is different between two calls, or None."""
    if not old.is_good and not new.is_good:
        return None if old.why == new.why else f"still {words.does_not}: {new.why}"
    if not new.is_good:
        return f"{words.stops}{_at(old)}: {new.why}"
    if not old.is_good:
        return f"{words.does}{_at(new)}"
    if _at(old) != _at(new):
        return f"{words.stops}{_at(old)}, {words.does}{_at(new)}"
    names = sorted(_differing(_settings(old), _settings(new)))
    return f"{words.does} with another {', '.join(names)}" if names else None


def _settings(outcome: Outcome) -> dict[str, Any]:
    return {**outcome.target, "then": outcome.then.as_json() if outcome.then else None}


def _differing(old: dict[str, Any], new: dict[str, Any]) -> set[str]:
    return {name for name in {*old, *new} if old.get(name) != new.get(name)}


def _at(outcome: Outcome) -> str:
    """Where a call rings, with the trunk that it rings in."""
    return f" at {place(outcome)} (trunk {outcome.document_id})" if outcome.route == "bridge" else ""
