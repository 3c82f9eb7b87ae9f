"""Records the examples of the OpenAPI document: what a service of this checkout really answers.

    python -m tests.openapi_examples

writes them to `app/openapi/examples.json`. Ids and times are the same at each run, so a new request adds its own lines
only. A test records the examples again and compares.
"""

import collections
import contextlib
import gzip
import json
import random
import re
import sys
import tempfile
from pathlib import Path
from unittest import mock
from urllib.parse import quote

from app.documents.names import account_db, number_db
from app.openapi.document import operation_id
from app.services import make_services
from app.settings import Settings
from app.store import Unavailable
from app.store.embedded.store import EmbeddedStore
from tests import support
from tests.in_process import InProcess

FILE = support.ROOT / "app/openapi/examples.json"
API = "https://api.example.com/v2"
NUMBER, FOREIGN = "+14155550100", "+14155550199"
TRUNK = {
    "name": "HQ",
    "servers": [{"auth": {"auth_method": "IP", "ip": "192.0.2.10"}, "options": {}, "DIDs": {NUMBER: {}}}],
}
FIRST = {"servers": [{"auth": {"auth_method": "none"}}]}
TOKEN = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]+")
# In Unix seconds.
NOW = 1_790_000_000
# What depends on the machine.
_OF_THIS_MACHINE = {"used_memory": 63_000_000, "processes": 24, "erlang_version": "3.11"}


class Repeatable:
    """Replaces the clock and the sources of random values. Values depend on the request that needs them."""

    def __init__(self) -> None:
        self._counts: collections.Counter[str] = collections.Counter()
        self._random = random.Random("the start")

    def begin(self, request: str) -> None:
        """From now on, values are those of this request. A repeated request gets other ones."""
        self._counts[request] += 1
        self._random = random.Random(f"{request} {self._counts[request]}")

    @contextlib.contextmanager
    def patched(self):
        """The code under test gets its time and its random values from here."""
        with (
            mock.patch("time.time", lambda: float(NOW)),
            mock.patch("time.thread_time", lambda: 0.0),
            mock.patch("secrets.token_hex", lambda size: self._random.randbytes(size).hex()),
            mock.patch("random.getrandbits", lambda bits: self._random.getrandbits(bits)),
        ):
            yield


class Recorder:
    """Sends requests as one account to a service in this process, and keeps the answers by operation and by error."""

    def __init__(self, directory: Path, repeatable: Repeatable):
        self._repeatable = repeatable
        store = EmbeddedStore(directory)
        self.world = support.World(store, {}).populate()
        self.person = self.world.person("Example", "sip.example.com", self.world.master)
        self.other = self.world.person("Example Two", "two.example.com", self.world.master)
        services = make_services(
            Settings(data_dir=directory, pbxs_api_url=API, history=True, explain=True), store=store
        )
        services.cache._seconds = 0
        self.services = services
        self._send = InProcess(services)
        self.token = ""
        self.operations: dict = {}
        self.errors: dict = {}

    def ask(self, method, path, data=None, token=None, raw=None, **headers):
        """The status and the envelope, None without one."""
        self._repeatable.begin(f"{method} {TOKEN.sub('', path)}")
        body = raw if raw is not None else None if data is None else json.dumps({"data": data}).encode()
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if token is None and self.token:
            sent["x-auth-token"] = self.token
        elif token:
            sent["x-auth-token"] = token
        if body is not None:
            sent |= {"content-type": "application/json", "content-length": str(len(body)), **sent}
        status, answered, content = self._send(method, f"/v2{path}", sent, body)
        if answered.get("content-encoding") == "gzip":
            content = gzip.decompress(content)
        return status, json.loads(content) if content else None

    def keep(self, method, template, data=None, **values):
        """Send a request of an operation, which must succeed, and keep the answer."""
        values = {"account_id": self.person.account_id, **values}
        path = template.format_map({name: quote(value, safe="") for name, value in values.items()})
        query = values.get("query", "")
        status, answer = self.ask(method, path + query, data)
        assert status in (200, 201), (method, path, status, answer)
        entry = {} if data is None else {"request": {"data": data}}
        self.operations[operation_id(method, template)] = _tidy({**entry, "answer": answer})
        return answer

    def refuse(self, case, status, method, path, data=None, **more):
        """Send a request that must fail with this status, and keep the answer."""
        got, answer = self.ask(method, path, data, **more)
        assert got == status, (case, got, answer)
        assert answer is not None, case
        self.errors.setdefault(str(status), {})[case] = _tidy(answer)


def _tidy(value):
    """An example without the length of tokens, and without what depends on the machine."""
    return _of_any_machine(json.loads(TOKEN.sub("eyJ…", json.dumps(value, ensure_ascii=False))))


def _of_any_machine(value):
    if isinstance(value, dict):
        return {name: _OF_THIS_MACHINE.get(name, _of_any_machine(member)) for name, member in value.items()}
    return [_of_any_machine(item) for item in value] if isinstance(value, list) else value


def record(directory: Path) -> dict:
    """All examples: `operations` by operation id, and `errors` by status and case."""
    repeatable = Repeatable()
    with repeatable.patched():
        recorder = Recorder(directory, repeatable)
        _log_in(recorder)
        _give_number(recorder, NUMBER, recorder.person)
        _give_number(recorder, FOREIGN, recorder.other)
        _keep_trunks(recorder)
        _keep_reads(recorder)
        _keep_writes(recorder)
        _refuse_callers(recorder)
        _refuse_data(recorder)
        _refuse_for_faults(recorder)
        recorder.services.close()
    return {"operations": recorder.operations, "errors": recorder.errors}


def _log_in(recorder):
    person = recorder.person
    api_key = recorder.world.store.open_doc("accounts", person.account_id)["pvt_api_key"]
    recorder.keep("PUT", "/api_auth", {"api_key": api_key})
    credentials = {"credentials": person.credentials, "account_realm": person.realm}
    recorder.token = recorder.ask("PUT", "/user_auth", credentials)[1]["auth_token"]
    recorder.keep("PUT", "/user_auth", credentials)
    recorder.keep("PUT", "/shared_auth", {"shared_token": recorder.token, "account_id": person.account_id})
    recorder.keep("GET", "/token_auth")
    recorder.keep("DELETE", "/token_auth")
    recorder.keep("GET", "/auth/tokeninfo", query=f"?token={recorder.token}")
    recorder.keep("POST", "/auth/tokeninfo", {"token": recorder.token})


def _give_number(recorder, number, owner, module="knm_local"):
    store = recorder.world.store
    document = {
        "_id": number,
        "pvt_type": "number",
        "pvt_state": "in_service",
        "pvt_module_name": module,
        "pvt_assigned_to": owner.account_id,
        "pvt_created": 63_900_000_000,
        "pvt_modified": 63_900_000_000,
    }
    store.create_db(number_db(number))
    store.save_doc(number_db(number), document)
    store.save_doc(account_db(owner.account_id), document)


def _keep_trunks(recorder):
    trunks = "/accounts/{account_id}/connectivity"
    trunk = trunks + "/{id}"
    created = recorder.keep("PUT", trunks, TRUNK)
    doc_id, revision = created["data"]["id"], created["revision"]
    recorder.keep("GET", trunks)
    recorder.keep("GET", trunk, id=doc_id)
    recorder.keep("POST", trunk, {**TRUNK, "name": "Headquarters"}, id=doc_id)
    recorder.keep("PATCH", trunk, {"account": {"trunks": 4}, "name": None}, id=doc_id)
    recorder.keep("GET", trunk + "/history", id=doc_id)
    recorder.keep("GET", trunk + "/history/{revision}", id=doc_id, revision=revision)
    recorder.keep("POST", trunk + "/history/{revision}", {}, id=doc_id, revision=revision)
    recorder.keep("GET", trunk + "/calls", id=doc_id, query="?to=%2B14155550100")
    recorder.keep("DELETE", trunk, id=doc_id)


def _keep_reads(recorder):
    account = "/accounts/{account_id}"
    for path in (
        *("about", "api_key", "children", "descendants", "parents", "tree", "alerts", "callflows"),
        *("braintree/credits", "ledgers", "ledgers/total", "limits", "phone_numbers", "phone_numbers/carriers_info"),
        *("phone_numbers/classifiers", "services", "services/summary", "transactions", "users", "apps_store"),
    ):
        recorder.keep("GET", f"{account}/{path}")
    flow = {"_id": "main", "pvt_type": "callflow", "numbers": [NUMBER], "flow": {"module": "menu", "data": {}}}
    recorder.world.store.save_doc(account_db(recorder.person.account_id), flow)
    recorder.keep("GET", f"{account}/callflows/{{callflow_id}}", callflow_id="main")
    recorder.keep("GET", account)
    recorder.keep("GET", f"{account}/apps_store/{{app_id}}", app_id="pbxs")
    recorder.keep("GET", f"{account}/ledgers/{{ledger}}", ledger="rollovers")
    recorder.keep("GET", f"{account}/phone_numbers/classifiers/{{number}}", number=NUMBER)
    recorder.keep("GET", f"{account}/phone_numbers/{{number}}", number=NUMBER)
    recorder.keep("GET", f"{account}/phone_numbers/{{number}}/identify", number=NUMBER)
    recorder.keep("GET", f"{account}/users/{{user_id}}", user_id=recorder.person.user["_id"])
    child = recorder.world.person("Branch", "branch.example.com", recorder.person)
    for prefix in ("", account):
        recorder.keep("GET", f"{prefix}/search", query="?t=account&q=name&v=branch")
        recorder.keep("GET", f"{prefix}/search/multi", query=f"?t=account&by_name=br&by_realm={child.realm}&by_id=br")
    recorder.keep("GET", "/schemas")
    recorder.keep("GET", "/schemas/{schema}", schema="api_auth")
    with _as_superduper_admin(recorder):
        recorder.keep("GET", "/about")
        recorder.keep("GET", f"{account}/siblings")


@contextlib.contextmanager
def _as_superduper_admin(recorder):
    store, account_id = recorder.world.store, recorder.person.account_id
    for db in ("accounts", account_db(account_id)):
        store.save_doc(db, {**store.open_doc(db, account_id), "pvt_superduper_admin": True})
    yield
    for db in ("accounts", account_db(account_id)):
        store.save_doc(db, {**store.open_doc(db, account_id), "pvt_superduper_admin": False})


def _keep_writes(recorder):
    account, user = "/accounts/{account_id}", recorder.person.user
    names = {"first_name": user["first_name"], "last_name": user["last_name"]}
    recorder.keep("PUT", "/schemas/{schema}/validation", TRUNK, schema="connectivity")
    recorder.keep("POST", account, {"name": "Example", "ui_metadata": {"version": "4.3"}})
    recorder.keep("PATCH", account, {"timezone": "Europe/Paris"})
    recorder.keep("POST", f"{account}/users/{{user_id}}", {**names, "language": "fr-FR"}, user_id=user["_id"])
    recorder.keep("PATCH", f"{account}/users/{{user_id}}", {"ui_help": {"seen": True}}, user_id=user["_id"])
    number = f"{account}/phone_numbers/{{number}}"
    recorder.keep("POST", number, {"force_outbound": True}, number=NUMBER)
    recorder.keep("PATCH", number, {"prepend": {"enabled": True, "name": "HQ "}}, number=NUMBER)
    recorder.keep("POST", f"{account}/phone_numbers/fix/{{number}}", {}, number=NUMBER)
    recorder.keep("DELETE", number, number=NUMBER)


def _refuse_callers(recorder):
    account = f"/accounts/{recorder.person.account_id}"
    trunks, missing = f"{account}/connectivity", "0" * 32
    recorder.refuse("not good", 401, "GET", trunks, token="x.y.z")
    recorder.refuse("alias", 401, "GET", "/account/connectivity", token="x.y.z")
    recorder.refuse("tokeninfo", 401, "GET", "/auth/tokeninfo?token=x.y.z")
    recorder.refuse("another account", 403, "GET", f"/accounts/{recorder.other.account_id}/connectivity")
    recorder.refuse("a number of another account", 403, "PUT", trunks, {"servers": [support.server_with(FOREIGN)]})
    recorder.refuse("members that only Kazoo changes", 403, "POST", account, {"name": "Another"})
    rules = {"_": {"connectivity": [{"rules": {"/": ["PUT"]}}]}}
    recorder.world.configure("crossbar.token_restrictions", cb_user_auth=rules)
    recorder.refuse("a restriction", 403, "GET", trunks)
    recorder.world.configure("crossbar.token_restrictions", cb_user_auth=None)
    recorder.refuse("no such path", 404, "GET", f"{account}/nothing")
    recorder.refuse("no such account", 404, "GET", f"/accounts/{missing}/connectivity")
    recorder.refuse("no account id", 404, "GET", "/accounts/abc/connectivity")
    recorder.refuse("no such document", 404, "GET", f"{trunks}/missing")
    recorder.refuse("no such number", 404, "GET", f"{account}/phone_numbers/%2B14155550142")
    recorder.refuse("no such API key", 404, "PUT", "/api_auth", {"api_key": "0" * 64})
    recorder.refuse("verb", 405, "POST", trunks, {})


def _refuse_data(recorder):
    account = f"/accounts/{recorder.person.account_id}"
    trunks = f"{account}/connectivity"
    recorder.refuse("value", 400, "PUT", trunks, FIRST)
    recorder.refuse("missing member", 400, "PUT", trunks, {"servers": [{}]})
    recorder.refuse("no data", 400, "PUT", trunks, raw=b'{"name":"HQ"}')
    recorder.refuse("no JSON", 400, "PUT", trunks, raw=b'{"data":{"name":"HQ"')
    recorder.refuse("too large", 400, "PUT", "/user_auth", token="none", raw=b" " * 300_000)
    recorder.refuse("query", 400, "GET", f"{trunks}?page_size=%")
    recorder.refuse("id", 400, "PUT", trunks, {"id": "_design/trunkstore"})
    store, account_id = recorder.world.store, recorder.person.account_id
    trial = store.open_doc(account_db(account_id), account_id)
    expired = store.save_doc(account_db(account_id), {**trial, "pvt_trial_expires": 63_700_000_000})
    recorder.refuse("expired trial", 400, "GET", trunks)
    expired = store.open_doc(account_db(account_id), account_id)["_rev"]
    store.save_doc(account_db(account_id), {**trial, "_rev": expired})
    taken = recorder.ask("PUT", trunks, {"id": "taken"})
    assert taken[0] == 201, taken
    recorder.refuse("id is taken", 409, "PUT", trunks, {"id": "taken"})
    _give_number(recorder, "+14155550102", recorder.person)
    number = f"{account}/phone_numbers/%2B14155550102"
    used = {"servers": [support.server_with("+14155550102")]}
    assert recorder.ask("PUT", trunks, used)[0] == 201
    recorder.refuse("number in use", 409, "DELETE", number)
    _give_number(recorder, "+14155550103", recorder.person, "knm_other")
    others = f"{account}/phone_numbers/%2B14155550103"
    address = {"street_address": "1 Main St", "locality": "Springfield", "region": "IL", "postal_code": "62701"}
    recorder.refuse("emergency address", 409, "POST", others, {"e911": address})
    recorder.refuse("buying", 409, "PUT", f"{number}/activate", {})
    recorder.refuse("creating a user", 409, "PUT", f"{account}/users", {})
    store.create_db("system_schemas")
    store.save_doc("system_schemas", {"_id": "devices", "type": "object"})
    recorder.refuse("a schema of Kazoo's", 501, "PUT", "/schemas/devices/validation", {})


def _refuse_for_faults(recorder):
    account = f"/accounts/{recorder.person.account_id}"
    store = recorder.world.store
    recorder.refuse("no such schema", 404, "PUT", "/schemas/nothing/validation", {})
    with mock.patch.object(store, "query_view", side_effect=RuntimeError("a fault")):
        recorder.refuse("fault", 500, "GET", f"{account}/connectivity")
    with mock.patch.object(store, "query_view", side_effect=Unavailable("no answer")):
        recorder.refuse("no answer of the store", 503, "GET", f"{account}/connectivity")
    design = store.open_doc(account_db(recorder.person.account_id), "_design/trunkstore")
    store.delete_doc(account_db(recorder.person.account_id), "_design/trunkstore", design["_rev"])
    recorder.refuse("no view", 503, "GET", f"{account}/connectivity")
    recorder.world.configure("crossbar", token_costs=1000)
    recorder.refuse("empty bucket", 429, "GET", f"{account}/limits")


def main() -> int:
    """The command line."""
    with tempfile.TemporaryDirectory() as directory:
        examples = record(Path(directory))
    FILE.write_text(json.dumps(examples, ensure_ascii=False, indent=1) + "\n", "utf-8")
    print(f"{len(examples['operations'])} operations, {sum(map(len, examples['errors'].values()))} errors")
    return 0


if __name__ == "__main__":
    sys.exit(main())
