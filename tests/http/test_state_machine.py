"""Random sequences of requests, each answer compared with a model in memory.

The model is written from docs/kazoo/documents.md, sections 2 to 5, docs/kazoo/http.md, sections 5 to 9, and
docs/kazoo/schema.md. It has no code in common with the service. Members are compared in their order, and numbers with
their type.

FUZZ_STEPS=10000 takes that many steps on each engine. After a failure, hypothesis looks for a shorter sequence, for
up to five minutes. It prints the sequence and a line `@reproduce_failure(...)`. To repeat the failure, put that line
above `def machine` in the test.
"""

import copy
import json
import math
import os
import re
from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests import support
from tests.conftest import make_person

pytestmark = [pytest.mark.slow, pytest.mark.repeated]

STEPS_PER_ACCOUNT = 50
SETTINGS = settings(
    max_examples=max(1, int(os.environ.get("FUZZ_STEPS", support.often(100, 1500))) // STEPS_PER_ACCOUNT),
    stateful_step_count=STEPS_PER_ACCOUNT,
    phases=(Phase.generate, Phase.shrink),
    derandomize=False,
    print_blob=True,
    database=None,
    deadline=None,
)


# The model of one document: the facts of docs/kazoo.

# Members of `options` with a default, in the schema's order (docs/kazoo/schema.md).
OPTION_DEFAULTS = {
    "delay": 0,
    "enabled": True,
    "force_outbound": False,
    "hunt_non_reconcilable": False,
    "inbound_format": "npan",
    "media_handling": "bypass",
}


def public(data: dict) -> dict:
    """A copy without what is never stored: private members and the id (docs/kazoo/documents.md, section 2.4)."""
    kept = {key: value for key, value in data.items() if key != "id" and not key.startswith(("_", "pvt_"))}
    return copy.deepcopy(kept)


def created(data: dict, realm: str) -> dict:
    """The public members that a PUT or a POST of this data stores."""
    return completed(public(data), realm)


def patched(stored: dict, data: dict, realm: str) -> dict:
    """The public members that a PATCH with this data stores (docs/kazoo/documents.md, section 3.2)."""
    return completed(merged(copy.deepcopy(stored), public(data)), realm)


def merged(stored: dict, patch: dict) -> dict:
    """The patch above the stored object; members in descending order (docs/kazoo/http.md, section 5)."""
    result = {}
    for key in sorted({*stored, *patch}, reverse=True):
        old, new = stored.get(key), patch.get(key)
        if key not in patch:
            value = merged(old, {}) if isinstance(old, dict) else old
        elif key not in stored:
            value = merged({}, new) if isinstance(new, dict) else new
        elif isinstance(old, dict) and isinstance(new, dict):
            value = merged(old, new) if new else {}
        else:
            # Of an object that replaces another kind of value, even the nulls and the order stay.
            value = new
        if value is not None:
            result[key] = value
    return result


def completed(document: dict, realm: str) -> dict:
    """The document with numbers and booleans repaired, the schema's defaults, and the account's realm."""
    repair(document.get("account", {}), whole, "trunks")
    for server in document.setdefault("servers", []):
        complete_server(server)
    document.setdefault("account", {})["auth_realm"] = realm
    return document


def complete_server(server: dict) -> None:
    """Repair one server and add its defaults; no missing object is made (docs/kazoo/http.md, section 8.2)."""
    repair(server["auth"], whole, "port")
    server["auth"].setdefault("auth_method", "password")
    if "options" in server:
        repair(server["options"], whole, "delay", "port", "progress_timeout")
        repair(server["options"], flag, "enabled", "force_outbound")
        for name, default in OPTION_DEFAULTS.items():
            server["options"].setdefault(name, default)
    for number, did in server.get("DIDs", {}).items():
        if re.fullmatch(r"\+?[0-9]*", number):
            repair(did, flag, "force_outbound")
            did.setdefault("force_outbound", False)


def repair(members: dict, convert, *names: str) -> None:
    """Convert these members in place, where they are there (docs/kazoo/http.md, section 8.3)."""
    for name in names:
        if name in members:
            members[name] = convert(members[name])


def whole(value: int | float | str) -> int:
    """An integer from what forms send; halves are rounded away from zero."""
    number = float(value)
    return int(math.copysign(math.floor(abs(number) + 0.5), number))


def flag(value: bool | str) -> bool:
    """A boolean from what forms send."""
    return value in (True, "true")


def text(value: Any) -> str:
    """JSON that tells 1 from 1.0 and from true, and one order of members from another."""
    return json.dumps(value, ensure_ascii=False)


# What is sent. The values are chosen from short lists, because an example has room for some 8000 bytes of choices.

WORDS = st.sampled_from(["HQ", "Büro 2", "x" * 35, 'a"b\\c/\n\x7f\u2028', "😀 é", "5", "null"])
SCALARS = st.none() | st.booleans() | st.sampled_from([0, -1, 2**53, 0.5, -1.25, 1e-7, ""]) | WORDS
# Few names, so that patches meet what is stored. Names of private members are ordinary below the top.
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["a", "b", "_c"]), inner, max_size=3),
    max_leaves=5,
)
WHOLE = st.sampled_from([0, 1, 5060, "5", "+7", "007", 2.0, 2.5, "1.5"])
SIGNED = WHOLE | st.sampled_from([-3, "-3", -0.5, "-1.6"])
FLAG = st.sampled_from([True, False, "true", "false"])


def some(**members: st.SearchStrategy) -> st.SearchStrategy[dict]:
    """Objects with any of these members."""
    return st.fixed_dictionaries({}, optional=members)


CALLER_ID = some(cid_name=WORDS, cid_number=WORDS, ui=ANYTHING)
DID = some(force_outbound=FLAG, caller_id=CALLER_ID, failover=some(e164=WORDS, sip=WORDS))
SERVER = st.fixed_dictionaries(
    {"auth": some(auth_method=st.sampled_from(["password", "IP"]), auth_user=WORDS, ip=WORDS, port=SIGNED)},
    optional={
        "name": WORDS,
        "options": some(
            delay=SIGNED,
            enabled=FLAG,
            flags=st.lists(WORDS, max_size=2),
            force_outbound=FLAG,
            inbound_format=st.sampled_from(["e164", "username"]),
            port=SIGNED,
            progress_timeout=st.sampled_from([1, "60", 1.0]),
        ),
        # `abc` is no number: anything is stored there. The number with an 0 is no index of an array in JavaScript.
        "DIDs": st.fixed_dictionaries(
            {}, optional={"+14155550100": DID, "014155550101": DID, "+": DID, "": DID, "abc": ANYTHING}
        ),
        "ui": ANYTHING,
    },
)
SERVERS = st.lists(SERVER, max_size=2)
# These have no effect; an id has one on a PUT only.
PRIVATE = st.sampled_from(
    [{}, {}, {"_rev": "9-zzz", "_deleted": True, "pvt_deleted": True, "pvt_type": "x", "pvt_y": None}]
)
IGNORED = PRIVATE | st.just({"id": "other", "_id": "another"})
DOCUMENT = some(
    name=WORDS,
    account=some(trunks=WHOLE, auth_realm=WORDS, caller_id=CALLER_ID, ui=ANYTHING),
    servers=SERVERS,
    custom=ANYTHING,
    n=SCALARS,
)
OBJECT = st.dictionaries(st.sampled_from(["a", "b"]), ANYTHING, min_size=1, max_size=2)
UNKNOWN_MEMBERS = some(custom=OBJECT, other=ANYTHING)
NULL = st.none()
PATCH = some(
    name=NULL | WORDS,
    account=NULL
    | some(
        trunks=NULL | WHOLE,
        auth_realm=NULL,
        caller_id=NULL | some(cid_name=NULL | WORDS, cid_number=NULL | WORDS, ui=ANYTHING),
        ui=ANYTHING,
    ),
    servers=NULL | SERVERS,
    custom=ANYTHING,
    n=ANYTHING,
)


def with_server(**members: Any) -> dict:
    """Data with one server."""
    return {"servers": [{"auth": {}, **members}]}


# What the schema refuses whatever is stored: the data, the path that is reported, and the keyword.
FAULTS = st.sampled_from(
    [
        ({"name": 5}, "name", "type"),
        ({"account": []}, "account", "type"),
        ({"account": {"trunks": -1}}, "account.trunks", "minimum"),
        ({"account": {"trunks": "-1.5"}}, "account.trunks", "minimum"),
        ({"account": {"trunks": "many"}}, "account.trunks", "type"),
        ({"account": {"caller_id": {"cid_name": "é" * 36}}}, "account.caller_id.cid_name", "maxLength"),
        ({"servers": {}}, "servers", "type"),
        ({"servers": [None]}, "servers.0", "type"),
        ({"servers": [{}]}, "servers.0.auth", "required"),
        (with_server(auth=[]), "servers.0.auth", "type"),
        (with_server(auth={"port": None}), "servers.0.auth.port", "type"),
        (with_server(auth={"auth_user": ""}), "servers.0.auth.auth_user", "minLength"),
        (with_server(auth={"auth_method": "sip"}), "servers.0.auth.auth_method", "enum"),
        (with_server(options={"enabled": "True"}), "servers.0.options.enabled", "type"),
        (with_server(options={"flags": ["a", 1]}), "servers.0.options.flags.1", "type"),
        (with_server(options={"inbound_format": "e.164"}), "servers.0.options.inbound_format", "enum"),
        (with_server(options={"progress_timeout": 0}), "servers.0.options.progress_timeout", "minimum"),
        (with_server(DIDs={"+1415": 5}), "servers.0.DIDs.+1415", "type"),
    ]
)
# One or two, in different members.
REFUSED = st.lists(FAULTS, min_size=1, max_size=2, unique_by=lambda fault: next(iter(fault[0])))

# Preconditions: a header, and the tag that it names (`Machine.headers`). Reads and writes share them.
HOLD = [
    None,
    ("If-Match", "current"),
    ("If-Match", "listed"),
    ("If-Match", "any"),
    ("If-None-Match", "old"),
    ("If-None-Match", "made-up"),
]
# Most requests have none.
HOLDING = st.none() | st.sampled_from(HOLD)
FAILING = st.sampled_from(
    [("If-Match", "old"), ("If-Match", "made-up"), ("If-Match", "weak")]
    + [("If-None-Match", "current"), ("If-None-Match", "listed"), ("If-None-Match", "weak"), ("If-None-Match", "any")]
)
# Preconditions on the list, which has no tag that could match, and the status.
UNTAGGED = st.sampled_from(
    [("If-Match", "made-up", 412), ("If-None-Match", "made-up", 412), ("If-None-Match", "any", 304)]
)
CHANGES = st.sampled_from(["POST", "PATCH"])


class Machine(RuleBasedStateMachine):
    """Sends requests of a fresh account, and keeps a model of what it has."""

    # Ids. A rule that draws from two bundles would have to wait until both have one, so the bundles overlap.
    live = Bundle("live")
    known = Bundle("known")
    deleted = Bundle("deleted")
    # Deleted hard, so that the id is free again.
    gone = Bundle("gone")

    def __init__(self, world: support.World, base: str):
        super().__init__()
        self.api = support.Api(base, make_person(world, "state machine"))
        self.realm = self.api.person.realm
        self.documents: dict[str, dict] = {}
        # The ids that were deleted hard and are not used again.
        self.free: set[str] = set()
        # Of every id, deleted ones too: the revisions that were answered, and how many writes were acknowledged.
        self.revisions: dict[str, list[str]] = {}
        self.writes: dict[str, int] = {}
        # Acknowledged writes since all documents were read.
        self.unseen = 0
        # What the step has sent a write to; None is the collection.
        self.touched: set[str | None] = set()

    def teardown(self):
        self.api.session.close()

    # Creating

    @initialize(targets=(live, known), documents=st.lists(DOCUMENT, min_size=3, max_size=3))
    def begin(self, documents):
        """With nothing, then with enough that the other rules have something to do."""
        assert self.api.call("GET").json()["data"] == []
        return multiple(*[self.check_created(data, None) for data in documents])

    @rule(targets=(live, known), data=DOCUMENT, private=PRIVATE, id_member=st.sampled_from([None, None, "id", "_id"]))
    def create(self, data, private, id_member):
        """With an id of the service's or of the client's choice."""
        if id_member is None:
            return self.check_created({**private, **data}, None)
        # No other id of the account begins so.
        chosen = f"pbx{len(self.revisions)}"
        return self.check_created({**private, **data, id_member: chosen}, chosen)

    @rule(target=live, doc_id=consumes(gone), data=DOCUMENT)
    def create_anew(self, doc_id, data):
        self.free.remove(doc_id)
        return self.check_created({**data, "id": doc_id}, doc_id)

    @rule(doc_id=known, data=DOCUMENT)
    def create_what_exists(self, doc_id, data):
        """A soft-deleted document keeps its id."""
        if doc_id not in self.free:
            answer = self.write("PUT", None, {**data, "id": doc_id})
            self.check_error(answer, 409, "datastore_conflict")
            self.touched.add(doc_id)

    @rule(data=DOCUMENT, tag=st.sampled_from(["made-up", "any"]))
    def create_if_match(self, data, tag):
        """Nothing is there yet that could match."""
        self.check_bodiless(self.write("PUT", None, data, ("If-Match", tag)), 412)

    # Changing

    @rule(doc_id=live, data=DOCUMENT, ignored=IGNORED, condition=HOLDING)
    def replace(self, doc_id, data, ignored, condition):
        answer = self.write("POST", doc_id, {**ignored, **data}, condition)
        self.check_changed(answer, doc_id, created(data, self.realm))

    @rule(doc_id=live, data=PATCH, ignored=IGNORED, condition=HOLDING)
    def patch(self, doc_id, data, ignored, condition):
        answer = self.write("PATCH", doc_id, {**ignored, **data}, condition)
        self.check_changed(answer, doc_id, patched(self.documents[doc_id], data, self.realm))

    @rule(doc_id=live, data=UNKNOWN_MEMBERS, method=st.sampled_from(["POST", "PATCH", "PATCH", "PATCH"]))
    def change_unknown_members(self, doc_id, data, method):
        """Where objects meet objects, and nulls, more often than in other data."""
        answer = self.write(method, doc_id, data)
        stored = self.documents[doc_id]
        expected = created(data, self.realm) if method == "POST" else patched(stored, data, self.realm)
        self.check_changed(answer, doc_id, expected)

    @rule(
        doc_id=known,
        method=st.sampled_from(["PUT", "POST", "PATCH"]),
        data=DOCUMENT,
        faults=REFUSED,
        condition=HOLDING | FAILING,
    )
    def write_what_is_refused(self, doc_id, method, data, faults, condition):
        """The schema comes before the look for the document, and before the precondition."""
        target = None if method == "PUT" else doc_id
        answer = self.write(method, target, with_faults(data, faults), condition)
        data = self.check_error(answer, 400, "validation error")
        reported = [(path, list(errors)) for path, errors in data.items()]
        assert reported == sorted((path, [keyword]) for _, path, keyword in faults)

    @rule(doc_id=live, method=CHANGES | st.just("DELETE"), data=DOCUMENT, condition=FAILING)
    def write_with_a_failing_precondition(self, doc_id, method, data, condition):
        self.check_bodiless(self.write(method, doc_id, data, condition), 412)

    # Deleting, while there are enough for the other rules

    @precondition(lambda self: len(self.documents) > 1)
    @rule(target=deleted, doc_id=consumes(live), condition=HOLDING)
    def delete_softly(self, doc_id, condition):
        self.check_deleted(self.write("DELETE", doc_id, None, condition), doc_id)
        return doc_id

    @precondition(lambda self: len(self.documents) > 1)
    @rule(targets=(gone, deleted), doc_id=consumes(live), condition=HOLDING)
    def delete_hard(self, doc_id, condition):
        self.check_deleted(self.write("DELETE", doc_id, None, condition, should_soft_delete="false"), doc_id)
        self.free.add(doc_id)
        return doc_id

    @rule(doc_id=deleted, method=CHANGES | st.just("DELETE"), data=DOCUMENT, condition=HOLDING | FAILING)
    def write_to_what_is_deleted(self, doc_id, method, data, condition):
        if doc_id not in self.documents:
            self.check_missing(self.write(method, doc_id, data, condition), doc_id)

    # Reading

    @rule(doc_id=live, condition=HOLDING | FAILING)
    def read(self, doc_id, condition):
        if condition in HOLD:
            self.check_document(doc_id, condition)
            return
        answer = self.api.call("GET", f"/{doc_id}", headers=self.headers(doc_id, condition))
        is_unchanged = condition[0] == "If-None-Match"
        self.check_bodiless(answer, 304 if is_unchanged else 412)
        assert answer.headers.get("etag") == (f'"{self.revisions[doc_id][-1]}"' if is_unchanged else None)

    # Not more often, because most steps are to change something.
    @precondition(lambda self: self.unseen > 4)
    @rule(size=st.integers(2, 4), name=WORDS, untagged=UNTAGGED)
    def read_all(self, size, name, untagged):
        """No write has changed another document than its own, and each way to list them shows them."""
        self.unseen = 0
        self.touched.update(self.documents)
        self.check_pages(size)
        named = [doc_id for doc_id, document in self.documents.items() if document.get("name") == name]
        self.check_list(named, filter_name=name)
        *condition, status = untagged
        self.check_bodiless(self.api.call("GET", headers=self.headers(None, condition)), status)

    @invariant()
    def what_was_touched_is_as_in_the_model(self):
        """Read what the step has sent a write to, whether that had an effect or not; and the list."""
        for doc_id in sorted(self.touched - {None}):
            if doc_id in self.documents:
                self.check_document(doc_id, None)
            else:
                self.check_missing(self.api.call("GET", f"/{doc_id}"), doc_id)
        if None in self.touched:
            self.check_list(self.documents, paginate="false")
        self.touched.clear()

    # What the rules share

    def write(self, method, doc_id, data, condition=None, **parameters):
        """Send a write; the invariant then looks at what it was sent to."""
        self.touched.add(doc_id)
        if method == "DELETE":
            self.touched.add(None)
        path = f"/{doc_id}" if doc_id else ""
        return self.api.call(method, path, data, headers=self.headers(doc_id, condition), params=parameters)

    def headers(self, doc_id, condition):
        """The header of a precondition on this document, or on the collection."""
        if condition is None:
            return {}
        revisions = self.revisions[doc_id] if doc_id else ["1-" + "1" * 32]
        # Of the same generation as the current one, so only the digest tells them apart.
        made_up = f'"{revisions[-1].partition("-")[0]}-{"0" * 32}"'
        tags = {
            "current": f'"{revisions[-1]}"',
            "weak": f'W/"{revisions[-1]}"',
            "listed": f'{made_up}, "{revisions[-1]}"',
            "old": f'"{revisions[-2]}"' if len(revisions) > 1 else made_up,
            "made-up": made_up,
            "any": "*",
        }
        return {condition[0]: tags[condition[1]]}

    def check_created(self, data, chosen):
        """Create a document; its id. `If-None-Match` means nothing here."""
        answer = self.write("PUT", None, data, ("If-None-Match", "any"))
        assert answer.status_code == 201, answer.text
        doc_id = answer.json()["data"]["id"]
        if chosen is None:
            assert re.fullmatch("[0-9a-f]{32}", doc_id) and doc_id not in self.revisions
        else:
            assert doc_id == chosen
        self.check_written(answer, doc_id, created(data, self.realm))
        assert answer.headers["location"] == f"/v2/accounts/{self.api.person.account_id}/connectivity/{doc_id}"
        self.touched.add(doc_id)
        return doc_id

    def check_changed(self, answer, doc_id, expected):
        """The answer to a POST or PATCH that has an effect."""
        assert answer.status_code == 200, answer.text
        self.check_written(answer, doc_id, expected)

    def check_written(self, answer, doc_id, expected):
        """The body of an answer to a write that has an effect; put it into the model."""
        body = answer.json()
        assert body["status"] == "success" and "etag" not in answer.headers
        assert text(body["data"]) == text({**expected, "id": doc_id})
        self.documents[doc_id] = expected
        self.writes[doc_id] = self.writes.get(doc_id, 0) + 1
        self.unseen += 1
        assert int(body["revision"].partition("-")[0]) == self.writes[doc_id]
        self.revisions.setdefault(doc_id, []).append(body["revision"])

    def check_deleted(self, answer, doc_id):
        """The answer to a deletion; it has the revision from before (docs/kazoo/documents.md, section 4.2)."""
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert body["revision"] == self.revisions[doc_id][-1]
        expected = {**self.documents.pop(doc_id), "id": doc_id, "_read_only": {"deleted": True}}
        assert text(body["data"]) == text(expected)
        # The deletion is a revision, too: it counts where the id is used again.
        self.writes[doc_id] += 1
        self.unseen += 1

    def check_document(self, doc_id, condition):
        """What a GET answers is the model's document at its last revision."""
        answer = self.api.call("GET", f"/{doc_id}", headers=self.headers(doc_id, condition))
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert text(body["data"]) == text({**self.documents[doc_id], "id": doc_id})
        assert body["revision"] == self.revisions[doc_id][-1]
        assert answer.headers["etag"] == f'"{body["revision"]}"'

    def check_list(self, ids, **parameters):
        """A list of just these documents, the last id first."""
        body = self.api.call("GET", params=parameters).json()
        assert body["data"] == sorted(ids, reverse=True)

    def check_pages(self, size):
        """Pages go up, and each page goes down (docs/kazoo/documents.md, section 5.3).

        `page_size` counts the row that is read ahead.
        """
        ids, parameters = sorted(self.documents), {"page_size": size}
        for start in range(0, len(ids), size):
            body = self.api.call("GET", params=parameters).json()
            page, is_last = ids[start : start + size], start + size >= len(ids)
            assert body["data"] == page[::-1]
            assert body["page_size"] == len(page) + (not is_last)
            assert ("next_start_key" in body) != is_last
            parameters["start_key"] = body.get("next_start_key")

    def check_error(self, answer, status, message):
        """An error in the envelope; its data."""
        assert answer.status_code == status, answer.text
        body = answer.json()
        assert (body["status"], body["error"], body["message"]) == ("error", str(status), message)
        return body["data"]

    def check_missing(self, answer, doc_id):
        data = self.check_error(answer, 404, "bad_identifier")
        assert data == {"cause": doc_id, "message": "bad identifier"}

    def check_bodiless(self, answer, status):
        assert (answer.status_code, answer.content) == (status, b"")


def with_faults(data: dict, faults: list[tuple[dict, str, str]]) -> dict:
    """Data with the members of these faults instead of its own."""
    for members, _, _ in faults:
        data = {**data, **members}
    return data


def test_any_sequence_of_requests(world, base):
    def machine():
        return Machine(world, base)

    run_state_machine_as_test(machine, settings=SETTINGS)
