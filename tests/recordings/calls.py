"""Replays recorded calls and registrations: `python -m tests.recordings.calls FILE...`.

Each line of a file is a case: an account's documents and numbers, and what a real Kazoo 4.3 did with calls
(docs/kazoo/routing.md). Channel variables, privacy and SIP headers are not compared.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from app.documents import Document
from app.routing import Number, Outcome, System, Views
from app.routing.inbound import inbound
from app.routing.outbound import outbound
from app.routing.registration import register

THIS, OTHER = "ACCOUNT", "OTHER"
OTHER_DB, OTHER_REALM = "OTHER_DB", "other.corpus.example.com"
# Of an endpoint and of a request to the carriers: what is compared.
ENDPOINT = [
    "invite_format",
    "to_did",
    "to_user",
    "to_realm",
    "to_ip",
    "port",
    "caller_id",
    "callee_id",
    "codecs",
    "timeout",
    "progress_timeout",
    "delay",
    "ignore_early_media",
    "failover",
]
OFFNET = [
    "to_did",
    "caller_id",
    "emergency_caller_id",
    "media",
    "flags",
    "timeout",
    "ignore_early_media",
    "ringback",
    "hunt_account",
]


def main(paths: list[str]) -> int:
    """Replay the files and print each call that differs; the exit status."""
    same = total = 0
    for path in paths:
        for case in cases(path):
            for call, expected, found in replayed(case):
                total += 1
                same += expected == found
                if expected != found:
                    print(f"{path} case {case['case']}: {json.dumps(call)}")
                    print(f"  recorded {json.dumps(expected, sort_keys=True)}")
                    print(f"  computed {json.dumps(found, sort_keys=True)}")
    print(f"total: {same} of {total} calls match")
    return int(same != total)


def cases(path: str | Path) -> Iterator[Document]:
    """The cases of a file."""
    return map(json.loads, Path(path).read_text("utf-8").splitlines())


def replayed(case: Document, stored: System | None = None) -> Iterator[tuple[Document, Document, Document]]:
    """Each call of a case, what was recorded of it, and what is computed.

    `stored` is the account as it was read from a store: its documents are used, under the ids of the recording.
    """
    systems = {owner: system_of(case, owner) for owner in (THIS, OTHER)}
    if stored:
        systems[THIS] = replace(systems[THIS], account=stored.account, documents=stored.documents, views=stored.views)
    for each in case["calls"]:
        call = each["call"]
        system = systems[call.get("account", THIS)]
        yield call, recorded(call["kind"], each["outcome"]), computed(call["kind"], outcome_of(system, call))


def system_of(case: Document, owner: str = THIS) -> System:
    """The system of a case, as one of its two accounts sees it."""
    account = {"_id": owner, **(case["account"] if owner == THIS else {"realm": OTHER_REALM})}
    if "call_restriction" in account:
        account["call_restriction"] = {
            kind: {"action": action} for kind, action in account["call_restriction"].items()
        }
    # Two members that name the other account: the document is in its database.
    documents = tuple(
        {"pvt_type": "sys_info", **{name: value for name, value in document.items() if name != "_written_by"}}
        for document in case["documents"]
        if (owner == OTHER)
        == (document.get("pvt_account_db") == OTHER_DB and document.get("pvt_account_id") == OTHER)
    )
    owners = {"this": THIS, "other": OTHER}

    def find_number(number: str) -> Number | None:
        known = case["numbers"].get(number)
        if known is None or known["state"] is None:
            return None
        return Number(owners.get(known["assigned_to"]), known["state"], known)

    views = Views.KAZOOS if case.get("views") == "kazoo" else Views.OURS
    return System(owner, account, documents, find_number, views)


def outcome_of(system: System, call: Document) -> Outcome | None:
    """What is computed for a call; None if the account has nothing to do with it."""
    kind = call["kind"]
    if kind == "register":
        return register(system, call["user"], call["realm"])
    caller = (call["cid_name"], call["cid_number"])
    if kind == "inbound":
        return inbound(system, call["to"], caller, call.get("from_account"))
    if kind == "from ip":
        return None
    return outbound(system, call["user"], call["realm"], call["to"], caller)


def recorded(kind: str, outcome: Document) -> Document:
    """What is compared of a recorded outcome."""
    if kind == "register":
        told = {"register": outcome["register"], "why": outcome.get("why", "")}
        if outcome["register"] == "ok":
            told |= {"password": outcome["password"], "document": outcome["channel_vars"]["authorizing_id"]}
        return told
    route = outcome["route"]
    told = {"route": route}
    if route == "none":
        return {**told, "why": outcome["why"]}
    if route == "bridge" and "custom_channel_vars" in outcome:
        (endpoint,) = outcome["endpoints"]
        told["document"] = outcome["custom_channel_vars"].get("trunkstore_id")
        told |= {name: endpoint[name] for name in ENDPOINT if name in endpoint}
        told |= {"bypass_media": endpoint["bypass_media"], "media": outcome["media"]}
    elif route == "bridge":
        (endpoint,) = outcome["endpoints"]
        told |= endpoint
    elif route == "offnet":
        told |= {name: outcome[name] for name in OFFNET if name in outcome}
    elif route == "respond":
        told["code"] = outcome["commands"][-1]["response_code"]
        return told
    if "then" in outcome:
        told["then"] = recorded("", outcome["then"])
    return told


def computed(kind: str, outcome: Outcome | None) -> Document:
    """The same of a computed outcome."""
    if outcome is None:
        return {"route": "none", "why": "no account is known for the address"}
    target: Any = outcome.target
    if kind == "register":
        of_recording = (
            "the realm is an IP address",
            "the reply is not valid: the password is not a non-empty string",
        )
        told = {"register": outcome.route, "why": outcome.why if outcome.why in of_recording else ""}
        if outcome.route == "ok":
            password = target["password"] if target["password"] is not None else "RANDOM"
            told |= {"password": password, "document": outcome.document_id}
        return told
    told = {"route": outcome.route}
    if outcome.route == "none":
        return {**told, "why": outcome.why}
    if outcome.route == "bridge" and "bypass_media" in target:
        told["document"] = outcome.document_id
        told |= {name: target[name] for name in ENDPOINT if name in target}
        told |= {"bypass_media": str(target["bypass_media"]).lower(), "media": target["media"]}
    else:
        told |= target
    if outcome.then is not None:
        told["then"] = computed("", outcome.then)
    return told


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
