"""Notices on a real RabbitMQ (docs/kazoo/documents.md, section 9)."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import pika
import pytest

from app.documents.names import number_db
from app.events.publisher import Publisher
from tests import support

pytestmark = pytest.mark.slow

# Debian's own start script, without the wrapper that changes user and directory.
_DEBIAN = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
RABBITMQ = str(_DEBIAN) if _DEBIAN.exists() else shutil.which("rabbitmq-server")


class Broker:
    """A RabbitMQ on a free port that can be stopped and started again."""

    def __init__(self, directory):
        self.port = support.free_port()
        self.url = f"amqp://guest:guest@127.0.0.1:{self.port}/%2F"
        distribution = support.free_port()
        self._environment = {
            **os.environ,
            "HOME": str(directory),
            "RABBITMQ_NODENAME": f"test{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(distribution),
            "RABBITMQ_MNESIA_BASE": str(directory / "mnesia"),
            "RABBITMQ_LOG_BASE": str(directory / "log"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(directory / "plugins"),
            "RABBITMQ_PID_FILE": str(directory / "pid"),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(support.free_port()),
        }
        (directory / "plugins").write_text("[].")
        self.process = None

    def start(self):
        self.process = subprocess.Popen(
            [RABBITMQ],
            env=self._environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        support.wait_until(self._answers, message="RabbitMQ")

    def stop(self):
        """End it, and Erlang's daemon of names, which it has started outside its process group."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

        def is_gone():
            told = subprocess.run(["epmd", "-kill"], env=self._environment, capture_output=True, text=True).stdout
            return "Killed" in told or "Cannot connect" in told

        if shutil.which("epmd"):
            support.wait_until(is_gone, message="the end of epmd")

    def _answers(self):
        try:
            pika.BlockingConnection(pika.URLParameters(self.url)).close()
        except (pika.exceptions.AMQPError, OSError):
            time.sleep(0.3)
            return False
        return True


class Listener:
    """Collects all that is published, in order, as Kazoo's caches would."""

    def __init__(self, url):
        self.messages = []
        self._ready = threading.Event()
        threading.Thread(target=self._listen, args=(url,), daemon=True).start()
        assert self._ready.wait(120)

    def _listen(self, url):
        channel = pika.BlockingConnection(pika.URLParameters(url)).channel()
        queue = channel.queue_declare("", exclusive=True).method.queue
        for exchange in ("configuration", "registrar", "notifications"):
            channel.exchange_declare(exchange, exchange_type="topic")
            channel.queue_bind(queue, exchange, "#")
        channel.basic_consume(queue, self._take, auto_ack=True)
        self._ready.set()
        with contextlib.suppress(pika.exceptions.AMQPError, OSError):
            channel.start_consuming()

    def _take(self, channel, method, properties, body):
        self.messages.append((method.exchange, method.routing_key, json.loads(body), properties))

    def wait_for(self, count):
        support.wait_until(lambda: len(self.messages) >= count, message=f"{count} messages")
        return self.messages


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    if RABBITMQ is None:
        pytest.skip("rabbitmq-server is not installed (`make tools`)")
    broker = Broker(tmp_path_factory.mktemp("rabbitmq"))
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture(scope="module")
def told(broker, tmp_path_factory):
    world = support.embedded_world(tmp_path_factory.mktemp("told")).populate()
    server = support.service(
        {**world.environment, "AMQP_URL": broker.url, "KAZOO_NODE": "kazoo_apps@127.0.0.1"}, workers=1
    ).start()
    person = world.person("Told", "acme.lab.local", world.master)
    yield world, support.Api(server.url, person)
    server.stop()


@pytest.fixture
def listener(broker, told):
    """Hears what the service tells from now on: what it told earlier may still be on its way."""
    _, api = told
    listener = Listener(broker.url)
    # Of a PUT, this is told last.
    own = f"doc_created.{api.person.account['pvt_account_db']}.sys_info.{api.create()}"
    support.wait_until(lambda: own in [key for _, key, *_ in listener.messages], message="its own PUT")
    listener.messages.clear()
    return listener


def test_the_recorded_messages(told, listener):
    """Member for member and in order, what was on Kazoo's broker after PUT, POST, PATCH and DELETE."""
    _, api = told
    recorded = json.loads((support.RECORDINGS / "amqp_events.json").read_text())
    doc_id = api.create({"name": "x"})
    for method, data in (("POST", {"name": "y"}), ("PATCH", {"name": "z"}), ("DELETE", None)):
        assert api.call(method, f"/{doc_id}", data).status_code == 200
    messages = listener.wait_for(len(recorded))
    assert len(messages) == len(recorded)
    account_id = api.person.account_id
    same = {
        "ca9fa4dae02b9348309921691a5ff429": account_id,
        "account%2Fca%2F9f%2Fa4dae02b9348309921691a5ff429": api.person.account["pvt_account_db"],
        "44b6bc554ebf3b6989872923bdd4c6ea": doc_id,
    }
    for record, (exchange, routing_key, payload, properties) in zip(recorded, messages, strict=True):
        text = json.dumps(record)
        for theirs, ours in sorted(same.items(), key=lambda pair: -len(pair[0])):
            text = text.replace(theirs, ours)
        wanted = json.loads(text)
        assert (exchange, routing_key) == (wanted["exchange"], wanted["routing_key"])
        assert (
            properties.content_type == wanted["content_type"] and properties.delivery_mode == wanted["delivery_mode"]
        )
        assert list(payload) == list(wanted["payload"])
        for member, value in wanted["payload"].items():
            if member == "Msg-ID":
                assert len(payload[member]) == 32
            elif member == "Rev":
                assert payload[member].split("-")[0] == value.split("-")[0]
            elif member.startswith("Date-"):
                assert payload[member] > 63_900_000_000
            else:
                assert payload[member] == value, member


def test_marks_on_numbers_are_told(told, listener):
    world, api = told
    number = "+14155550123"
    world.store.create_db(number_db(number))
    document = {
        "_id": number,
        "pvt_type": "number",
        "pvt_state": "in_service",
        "pvt_assigned_to": api.person.account_id,
    }
    world.store.save_doc(number_db(number), document)
    doc_id = api.create()
    of_the_create = len(listener.wait_for(2))
    api.call("POST", f"/{doc_id}", {"servers": [support.server_with(number)]})
    messages = listener.wait_for(of_the_create + 3)[of_the_create:]
    encoded = api.person.account["pvt_account_db"]
    assert [key for _, key, _, _ in messages] == [
        f"doc_edited.{encoded}.sys_info.{doc_id}",
        "doc_edited.numbers%2F%2B1415.number.%2B14155550123",
        f"doc_created.{encoded}.number.%2B14155550123",
    ]
    assert "Account-ID" not in messages[1][2]
    assert messages[2][2]["Account-ID"] == api.person.account_id


def test_a_new_caller_id_name_is_told_to_the_operator(told, listener):
    world, api = told
    number, account_id = "+14155550177", api.person.account_id
    world.store.create_db(number_db(number))
    members = {"pvt_state": "in_service", "pvt_module_name": "knm_managed", "pvt_assigned_to": account_id}
    world.store.save_doc(number_db(number), {"_id": number, "pvt_type": "number", **members})
    root = f"{api.base}/v2/accounts/{account_id}/phone_numbers/%2B14155550177"
    for data in ({"cnam": {"display_name": "ACME"}}, {"cnam": {"display_name": "ACME"}, "note": 1}):
        answer = api.session.post(root, json={"data": data}, headers={"X-Auth-Token": api.token}, timeout=120)
        assert answer.status_code == 200
    messages = listener.wait_for(5)
    of_names = [(key, payload) for exchange, key, payload, _ in messages if exchange == "notifications"]
    ((key, payload),) = of_names
    assert key == "notifications.number.cnam_request"
    assert len(payload.pop("Msg-ID")) == 32
    assert payload == {
        "Account-ID": account_id,
        "Number-State": "in_service",
        "Local-Number": False,
        "Number": "(415) 555 - 0177",
        "Acquired-For": account_id,
        "Cnam": {"display_name": "ACME"},
        "Node": "kazoo_apps@127.0.0.1",
        "Event-Name": "cnam_request",
        "Event-Category": "notification",
        "App-Version": "4.0.0",
        "App-Name": "kazoo_number_manager",
    }


def test_a_broker_that_is_away_costs_no_write(broker, told):
    """Writes with the broker stopped; then it is back. `make bench` says what that costs."""
    world, api = told
    ids = [api.create() for _ in range(10)]
    broker.stop()
    for number in range(100):
        assert api.call("POST", f"/{ids[number % 10]}", {"n": number}).status_code == 200
    broker.start()
    assert {api.call("GET", f"/{doc_id}").json()["data"]["n"] for doc_id in ids} == set(range(90, 100))
    listener = Listener(broker.url)
    support.wait_until(lambda: api.create() and listener.messages, message="notices after the broker came back")


def test_what_does_not_fit_is_dropped_and_counted():
    dropped = []
    publisher = Publisher(f"amqp://127.0.0.1:{support.free_port()}", on_drop=lambda: dropped.append(1), size=5)
    for number in range(100):
        publisher.publish("configuration", "key", {"n": number})
    assert 90 <= publisher.dropped == len(dropped) <= 95
    publisher.close(0.1)


def test_a_key_that_is_too_long_is_dropped_and_counted_and_stops_no_other(broker):
    listener = Listener(broker.url)
    dropped = []
    publisher = Publisher(broker.url, on_drop=lambda: dropped.append(1))
    keys = ("doc_created.short.a", "doc_created." + "é" * 122, "doc_created.short.b")
    for key in keys:
        publisher.publish("configuration", key, {})
    # Other notices may still be on their way.
    support.wait_until(
        lambda: [key for _, key, *_ in listener.messages if key in keys] == [keys[0], keys[2]], message="both others"
    )
    publisher.close()
    assert publisher.dropped == len(dropped) == 1


def test_a_broker_that_never_answers_delays_nothing(tmp_path):
    """It accepts the connection and then says nothing, so whoever waited for it would wait for ever."""
    listener = socket.create_server(("127.0.0.1", 0))
    publisher = Publisher(f"amqp://127.0.0.1:{listener.getsockname()[1]}")
    for number in range(1000):
        publisher.publish("configuration", "key", {"n": number})
    publisher.close(0.1)
    listener.close()
