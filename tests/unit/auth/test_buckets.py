"""The buckets that limit requests (docs/kazoo/auth.md, section 6)."""

import concurrent.futures
import hashlib
import itertools
import multiprocessing
import time

import pytest

from app.auth import buckets
from app.auth.buckets import Buckets, Size, cost_of, size_for
from tests.unit.auth import NODES, config_store


def take_many(buckets, name, size, count):
    return sum(buckets.take(name, 1, size) for _ in range(count))


def test_a_bucket_holds_a_hundred_and_fills_by_ten_a_second():
    buckets, size = Buckets(), Size()
    assert take_many(buckets, "a", size, 150) == 100
    assert not buckets.take("a", 1, size)
    assert buckets.take("b", 1, size)
    time.sleep(1.05)
    assert take_many(buckets, "a", size, 150) == 10


def test_a_refusal_takes_nothing_and_a_drain_everything():
    buckets, size = Buckets(), Size(most=5)
    assert not buckets.take("a", 6, size) and buckets.take("a", 5, size)
    buckets.drain("b", size)
    assert not buckets.take("b", 1, size)


def test_a_bucket_is_forgotten_when_idle():
    buckets, size = Buckets(), Size(most=1, period=1000, idle=0.1)
    assert buckets.take("a", 1, size) and not buckets.take("a", 1, size)
    time.sleep(0.15)
    assert buckets.take("a", 1, size)


def test_a_bucket_in_use_is_not_forgotten():
    buckets, size = Buckets(), Size(most=5, period=1000, idle=0.2)
    taken = 0
    for _ in range(10):
        taken += take_many(buckets, "a", size, 2)
        time.sleep(0.05)
    assert taken == 5


def test_processes_and_threads_share_a_bucket():
    buckets, size = Buckets(), Size(most=1000, period=1000)
    context = multiprocessing.get_context("fork")
    taken = context.Queue()

    def work():
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            taken.put(sum(pool.map(lambda _: take_many(buckets, "a", size, 100), range(4))))

    workers = [context.Process(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    assert sum(taken.get(timeout=20) for _ in workers) == 1000
    for worker in workers:
        worker.join()


def test_more_names_than_slots_do_not_fail():
    buckets, size = Buckets(), Size()
    assert all(buckets.take(f"10.0.{number}", 1, size) for number in range(40_000))


def names_of_one_slot(count):
    """Names of buckets that all begin their search at the same slot."""
    by_slot = {}
    for number in map(str, itertools.count()):
        digest = hashlib.blake2b(number.encode(), digest_size=16).digest()
        found = by_slot.setdefault(int.from_bytes(digest[:8], "big") % buckets.SLOTS, [])
        found.append(number)
        if len(found) == count:
            break
    return found


def test_where_all_slots_are_taken_the_one_used_longest_ago_gives_way(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    first, second, *others, late = names_of_one_slot(9)
    own, size = Buckets(), Size(most=1, period=1000, idle=1000)
    for name in (first, second, *others):
        now[0] += 1
        assert own.take(name, 1, size)
    now[0] += 1
    assert not own.take(first, 1, size)
    now[0] += 1
    assert own.take(late, 1, size)
    assert not own.take(first, 1, size) and not own.take(late, 1, size)
    assert not any(own.take(name, 1, size) for name in others)
    assert own.take(second, 1, size)


def test_a_bucket_fills_in_whole_periods_up_to_its_capacity(monkeypatch):
    now = [5.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    own, size = Buckets(), Size(most=10, added=3, period=2, idle=100)
    assert own.take("a", 10, size) and not own.take("a", 1, size)
    now[0] += 1.9
    assert not own.take("a", 1, size)
    now[0] += 0.2
    assert take_many(own, "a", size, 5) == 3
    now[0] += 2.0
    assert take_many(own, "a", size, 5) == 3
    now[0] += 50
    assert take_many(own, "a", size, 20) == 10
    now[0] += 100
    assert take_many(own, "a", size, 20) == 10


@pytest.mark.parametrize(
    ("settings", "size"),
    [
        ({}, Size(100, 10, 1.0, 600)),
        (
            {"crossbar": {"max_bucket_tokens": 1, "tokens_fill_rate": 2, "tokens_fill_time": "hour"}},
            Size(1, 2, 3600, 600),
        ),
        ({"default": {"max_bucket_tokens": 7}, "max_bucket_tokens": 8}, Size(7, 10, 1, 600)),
        ({"max_bucket_tokens": 8, "tokens_fill_rate": 4, "tokens_fill_time": "day"}, Size(8, 4, 86400, 600)),
        ({"tokens_fill_time": "second", "inactivity_timeout_s": 30}, Size(100, 10, 1, 30)),
        ({"crossbar": {"tokens_fill_time": "minute"}, "tokens_fill_time": "hour"}, Size(100, 10, 60, 600)),
        ({"max_bucket_tokens": 0, "tokens_fill_rate": -1, "inactivity_timeout_s": "x"}, Size(100, 10, 1, 600)),
        ({"max_bucket_tokens": 1.5, "tokens_fill_time": 5}, Size(100, 10, 1, 600)),
        ({"tokens_fill_time": "fortnight"}, Size(100, 10, 1, 600)),
    ],
)
def test_sizes_of_buckets(tmp_path, settings, size):
    assert size_for(config_store(tmp_path, token_buckets=settings), NODES) == size


@pytest.mark.parametrize(
    ("costs", "cost"),
    [
        (None, 1),
        (0, 0),
        (5, 5),
        (-1, 1),
        ("5", 1),
        (True, 1),
        ({}, 35),
        ({"acc": 2}, 2),
        ({"acc": {"noun": 3}}, 3),
        ({"acc": {"noun": {"PUT": 4}}, "noun": 9}, 4),
        ({"acc": {"noun": {"GET": 4}}, "noun": 9}, 9),
        ({"acc": {"other": 4}, "noun": {"PUT": 6}}, 6),
        ({"noun": {"GET": 6}}, 35),
        ({"noun": 0}, 0),
        ({"noun": -1}, 35),
    ],
)
def test_costs_of_requests(tmp_path, costs, cost):
    recent = config_store(tmp_path, crossbar={} if costs is None else {"token_costs": costs})
    assert cost_of(recent, NODES, "acc", "noun", "PUT", advertised=35) == cost


def test_costs_and_sizes_come_from_the_configuration(tmp_path):
    recent = config_store(
        tmp_path,
        crossbar={"token_costs": {"acc": {"connectivity": {"PUT": 7}}, "schemas": 0}},
        token_buckets={"crossbar": {"max_bucket_tokens": 50}, "tokens_fill_rate": 3, "tokens_fill_time": "minute"},
    )
    assert cost_of(recent, NODES, "acc", "connectivity", "PUT") == 7
    assert cost_of(recent, NODES, "other", "schemas", "GET") == 0
    assert cost_of(recent, NODES, "other", "user_auth", "PUT", advertised=35) == 35
    assert size_for(recent, NODES) == Size(most=50, added=3, period=60, idle=600)
