"""Who acts as a user of an account below: that must be one, and the caller's own limits go on counting."""

import time

import pytest
import requests

from app.accounts.creation import add_user
from app.documents.names import account_db
from app.store.cache import SECONDS
from tests import support
from tests.conftest import make_person

pytestmark = [pytest.mark.slow, pytest.mark.either_engine]

REFUSED = (401, 403)


class Family:
    """A parent with an account of its own, and a child below it; what callers of the parent may do in the child."""

    def __init__(self, world, base, level="admin"):
        self.world, self.base = world, base
        self.parent = make_person(world, "parent", level=level)
        self.child = make_person(world, "child", self.parent)

    def token(self, owner_id):
        """The parent's token as this user of the child; None where the log-in is refused."""
        switch = {"account_id": self.child.account_id, "owner_id": owner_id}
        data = {"credentials": self.parent.credentials, "account_realm": self.parent.realm, "as": switch}
        answer = requests.put(f"{self.base}/v2/user_auth", json={"data": data}, timeout=120)
        assert answer.status_code in (201, 400, *REFUSED)
        return answer.json()["auth_token"] if answer.status_code == 201 else None

    def status(self, owner_id, method="GET", path="/connectivity", data=None):
        """That of a request as this user of the child, in the child's account."""
        token = self.token(owner_id)
        if token is None:
            return 401
        url = f"{self.base}/v2/accounts/{self.child.account_id}{path}"
        body = None if data is None else {"data": data}
        return requests.request(method, url, json=body, headers={"X-Auth-Token": token}, timeout=120).status_code


@pytest.fixture
def family(world, base):
    return Family(world, base)


def test_an_admin_acts_as_a_user_of_an_account_below(family):
    assert family.status(family.child.user["_id"]) == 200
    assert family.status(family.child.user["_id"], "PUT", data={}) == 201


@pytest.mark.parametrize("owner_id", ["nobody", "0" * 32, "_design/users", "é"])
def test_the_owner_must_exist(family, owner_id):
    assert family.status(owner_id) in REFUSED


def test_the_owner_must_be_a_user_and_of_that_account(world, base, family):
    db = account_db(family.child.account_id)
    for kind in ("sys_info", "device", None):
        document = {"_id": f"a {kind}", **({"pvt_type": kind} if kind else {})}
        world.store.save_doc(db, document)
        assert family.status(document["_id"]) in REFUSED, kind
    assert family.status(family.child.account_id) in REFUSED
    assert family.status(family.parent.user["_id"]) in REFUSED
    deleted = {**family.child.user, "_id": "deleted", "pvt_deleted": True}
    deleted.pop("_rev")
    world.store.save_doc(db, deleted)
    assert family.status("deleted") in REFUSED


def rules(level, verbs):
    """Restrictions for users of this level: these verbs on trunks, and nothing else."""
    entry = {"allowed_accounts": ["_"], "rules": {"#": verbs}}
    return {"_id": "token_restrictions", "restrictions": {"_": {level: {"connectivity": [entry]}}}}


@pytest.mark.parametrize("owner", ["nobody", "the child's admin"])
def test_restrictions_of_the_callers_own_account_go_on_counting(world, base, owner):
    family = Family(world, base, level="user")
    db = account_db(family.parent.account_id)
    world.store.save_doc(db, rules("user", ["GET"]))
    owner_id = "nobody" if owner == "nobody" else family.child.user["_id"]
    assert family.status(owner_id, "PUT", data={}) in REFUSED
    if owner != "nobody":
        assert family.status(owner_id) == 200


@pytest.mark.parametrize("owner", ["nobody", "a user"])
def test_restrictions_of_the_account_below_count_for_who_is_acted_as(world, base, family, owner):
    db = account_db(family.child.account_id)
    world.store.save_doc(db, rules("user", ["GET"]))
    user = add_user(world.store, family.child.account_id, "reader", support.PASSWORD, "user")
    owner_id = "nobody" if owner == "nobody" else user["_id"]
    assert family.status(owner_id, "PUT", data={}) in REFUSED


@pytest.mark.parametrize("owner", ["nobody", "the child's admin"])
def test_a_user_who_may_change_only_themselves_changes_no_other_as_somebody_else(world, base, owner):
    family = Family(world, base, level="user")
    owner_id = "nobody" if owner == "nobody" else family.child.user["_id"]
    other = add_user(world.store, family.child.account_id, "other", support.PASSWORD, "user")
    path = f"/users/{other['_id']}"
    assert family.status(owner_id, "PATCH", path, {"language": "fr-FR"}) in REFUSED
    assert "language" not in world.store.open_doc(account_db(family.child.account_id), other["_id"])


def shared(base, person, token):
    data = {"account_id": person.account_id, "realm": person.realm, "shared_token": token}
    return requests.put(f"{base}/v1/shared_auth", json={"data": data}, timeout=120)


def forget():
    """Wait until no worker remembers an account or a user as it was."""
    time.sleep(SECONDS + 0.2)


def test_a_shared_token_of_somebody_who_is_disabled_gets_no_fresh_one(world, base):
    tokens = []
    for whose, members in (
        ("user", {"enabled": False}),
        ("user", {"pvt_deleted": True}),
        ("account", {"pvt_enabled": False}),
        ("account", {"enabled": False}),
    ):
        person = make_person(world)
        token = support.Api(base, person).token
        assert shared(base, person, token).status_code == 201
        db = account_db(person.account_id)
        document = world.store.open_doc(db, person.user["_id"] if whose == "user" else person.account_id)
        world.store.save_doc(db, {**document, **members})
        tokens.append((person, token, f"{whose} {members}"))
    forget()
    for person, token, what in tokens:
        answer = shared(base, person, token)
        assert answer.status_code == 401 and "auth_token" not in answer.json().get("data", {}), what


def test_strict_tokens_hold_for_shared_ones(world, person):
    server = support.service({**world.environment, "STRICT_TOKENS": "true"}).start()
    try:
        token = support.Api(server.url, person).token
        assert shared(server.url, person, token).status_code == 201
        db = account_db(person.account_id)
        world.store.save_doc(db, {**world.store.open_doc(db, person.account_id), "pvt_enabled": False})
        forget()
        assert shared(server.url, person, token).status_code == 401
    finally:
        server.stop()
