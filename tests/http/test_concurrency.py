"""Many writers at once, and a server that dies under them (docs/kazoo/documents.md, section 3.3)."""

import concurrent.futures
import random
import signal
import threading

import pytest
import requests

from app.documents.names import account_db
from tests import support
from tests.conftest import make_person

pytestmark = [pytest.mark.slow, pytest.mark.repeated]
WRITES, PAIRS = support.often(300, 2000), support.often(60, 500)


def write_many(apis, documents, count, methods, check=None):
    """Each client writes in a thread of its own; the answers, as (document, method, status, revision)."""
    todo, lock, answers = iter(range(count)), threading.Lock(), []

    def work(api):
        chooser = random.Random(id(api))
        while True:
            with lock:
                number = next(todo, None)
            if number is None:
                return
            doc_id, method = chooser.choice(documents), chooser.choice(methods)
            answer = api.call(method, f"/{doc_id}", {"name": f"write {number}", "n": number})
            body = answer.json()
            with lock:
                answers.append((doc_id, method, answer.status_code, body.get("revision")))

    with concurrent.futures.ThreadPoolExecutor(len(apis)) as pool:
        for future in [pool.submit(work, api) for api in apis]:
            future.result()
    return answers


def check_chains(world, person, answers):
    """Every acknowledged write is a link of its document's chain, and each chain is whole."""
    acknowledged = {}
    for doc_id, _, status, revision in answers:
        if status < 300:
            acknowledged.setdefault(doc_id, []).append(revision)
    for doc_id, revisions in acknowledged.items():
        chain = world.store.revisions(account_db(person.account_id), doc_id)
        assert [int(revision.split("-")[0]) for revision in chain] == list(range(len(chain), 0, -1))
        assert len(revisions) == len(set(revisions)) and set(revisions) <= set(chain)
        assert len(chain) == len(revisions) + 1


def check_statuses(answers, count):
    """All are answered. On a very slow machine, a write may be a 409 after five seconds of lost races."""
    statuses = [status for _, _, status, _ in answers]
    assert len(statuses) == count and set(statuses) <= {200, 409} and 200 in statuses


def test_eight_clients_write_twenty_documents(world, base, person):
    apis = [support.Api(base, person) for _ in range(8)]
    documents = [apis[0].create({"name": "start"}) for _ in range(20)]
    answers = write_many(apis, documents, WRITES, ["POST", "PATCH"])
    check_statuses(answers, WRITES)
    check_chains(world, person, answers)


def test_the_last_writer_wins_on_one_document(world, base, person):
    apis = [support.Api(base, person) for _ in range(8)]
    document = apis[0].create({"name": "start"})
    answers = write_many(apis, [document], WRITES // 5, ["POST", "PATCH"])
    check_statuses(answers, WRITES // 5)
    check_chains(world, person, answers)


def test_of_two_with_the_same_if_match_exactly_one_succeeds(world, base, person):
    first, second = support.Api(base, person), support.Api(base, person)
    doc_id = first.create()
    revision = first.call("GET", f"/{doc_id}").json()["revision"]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for number in range(PAIRS):
            headers = {"If-Match": f'"{revision}"'}
            pair = [
                pool.submit(api.call, "POST", f"/{doc_id}", {"n": number}, headers=headers) for api in (first, second)
            ]
            answers = [future.result() for future in pair]
            winners = [answer for answer in answers if answer.status_code == 200]
            assert len(winners) == 1, [answer.status_code for answer in answers]
            assert {answer.status_code for answer in answers} <= {200, 409, 412}
            revision = winners[0].json()["revision"]
    assert len(world.store.revisions(account_db(person.account_id), doc_id)) == PAIRS + 1


def test_four_clients_create_where_there_is_none(world, base):
    """What UIs do: list, create if empty, list again."""
    person = make_person(world)
    apis = [support.Api(base, person) for _ in range(4)]
    barrier = threading.Barrier(4)

    def work(api):
        barrier.wait()
        created = None
        if not api.call("GET").json()["data"]:
            created = api.create({"servers": []})
        return created, api.call("GET")

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        results = list(pool.map(work, apis))
    final = set(apis[0].call("GET").json()["data"])
    assert {created for created, _ in results if created} == final and final
    assert all(answer.status_code == 200 and answer.json()["data"] for _, answer in results)


def test_an_acknowledged_write_survives_kill_nine(tmp_path):
    """Kill the server and all its workers in the middle of writes, three times."""
    world = support.embedded_world(tmp_path).populate()
    person = world.person("Killed", "killed.example.com", world.master)
    port = support.free_port()
    acknowledged = []
    for _ in range(3):
        server = support.service(world.environment, port=port).start()
        stop = threading.Event()

        def write(api, stop=stop):
            while not stop.is_set():
                try:
                    answer = api.call("PUT", data={"name": "x"})
                except requests.RequestException:
                    return
                if answer.status_code == 201:
                    acknowledged.append((answer.json()["data"]["id"], answer.json()["revision"]))

        threads = [threading.Thread(target=write, args=[support.Api(server.url, person)]) for _ in range(4)]
        for thread in threads:
            thread.start()
        count = len(acknowledged)
        support.wait_until(lambda count=count: len(acknowledged) > count + 50, message="50 writes")
        server.kill(signal.SIGKILL)
        stop.set()
        for thread in threads:
            thread.join()
    server = support.service(world.environment, port=port).start()
    try:
        api = support.Api(server.url, person)
        listed = set(api.call("GET", "?paginate=false").json()["data"])
        assert {doc_id for doc_id, _ in acknowledged} <= listed
        for doc_id, revision in acknowledged:
            assert api.call("GET", f"/{doc_id}").json()["revision"] == revision
        assert len(listed) <= len(acknowledged) + 12
    finally:
        server.stop()
