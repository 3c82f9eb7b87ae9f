"""The buckets that limit requests (docs/kazoo/auth.md, section 6)."""

import concurrent.futures
import hashlib
import itertools
import multiprocessing
import time

import pytest

from app.auth import buckets
from app.auth.buckets import Buckets, Size, cost_of, size_for
from tests.unit.auth import config_store


def take_many(buckets, name, size, count):
    return sum(buckets.take(name, 1, size) for _ in range(count))


@pytest.fixture
def clock(monkeypatch):
    """The time that buckets see, in a list of one."""
    now = [1000.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    return now


def test_a_bucket_holds_a_hundred_and_fills_by_ten_a_second(clock):
    buckets, size = Buckets(), Size()
    assert take_many(buckets, "a", size, 150) == 100
    assert not buckets.take("a", 1, size)
    assert buckets.take("b", 1, size)
    clock[0] += 1
    assert take_many(buckets, "a", size, 150) == 10


def test_a_refusal_takes_nothing_and_a_drain_everything():
    buckets, size = Buckets(), Size(capacity=5)
    assert not buckets.take("a", 6, size) and buckets.take("a", 5, size)
    buckets.drain("b", size)
    assert not buckets.take("b", 1, size)


def test_a_bucket_is_forgotten_when_idle(clock):
    buckets, size = Buckets(), Size(capacity=1, period=1000, idle=10)
    assert buckets.take("a", 1, size) and not buckets.take("a", 1, size)
    clock[0] += 9.9
    assert not buckets.take("a", 1, size)
    clock[0] += 10
    assert buckets.take("a", 1, size)


def test_a_bucket_in_use_is_not_forgotten(clock):
    buckets, size = Buckets(), Size(capacity=5, period=1000, idle=2)
    taken = 0
    for _ in range(10):
        taken += take_many(buckets, "a", size, 2)
        clock[0] += 0.5
    assert taken == 5


# That processes are forked is what is tried here.
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_processes_and_threads_share_a_bucket():
    """Each change takes a moment between reading and writing, so that any two that meet would lose one."""
    buckets, size = Buckets(), Size(capacity=1000, period=1000)

    def take_slowly(tokens):
        time.sleep(0.001)
        return tokens - 1

    def work():
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda _: buckets._change("a", size, take_slowly), range(20)))

    workers = [multiprocessing.get_context("fork").Process(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert take_many(buckets, "a", size, 2000) == 1000 - 4 * 20


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


def test_where_all_slots_are_taken_the_one_used_longest_ago_gives_way(clock):
    first, second, *others, late = names_of_one_slot(9)
    own, size = Buckets(), Size(capacity=1, period=1000, idle=1000)
    for name in (first, second, *others):
        clock[0] += 1
        assert own.take(name, 1, size)
    clock[0] += 1
    assert not own.take(first, 1, size)
    clock[0] += 1
    assert own.take(late, 1, size)
    assert not own.take(first, 1, size) and not own.take(late, 1, size)
    assert not any(own.take(name, 1, size) for name in others)
    assert own.take(second, 1, size)


def test_a_bucket_fills_in_whole_periods_up_to_its_capacity(clock):
    own, size = Buckets(), Size(capacity=10, refill=3, period=2, idle=100)
    assert own.take("a", 10, size) and not own.take("a", 1, size)
    clock[0] += 1.9
    assert not own.take("a", 1, size)
    clock[0] += 0.2
    assert take_many(own, "a", size, 5) == 3
    clock[0] += 2.0
    assert take_many(own, "a", size, 5) == 3
    clock[0] += 50
    assert take_many(own, "a", size, 20) == 10
    clock[0] += 100
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
    assert size_for(config_store(tmp_path, token_buckets=settings)) == size


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
    cache = config_store(tmp_path, crossbar={} if costs is None else {"token_costs": costs})
    assert cost_of(cache, "acc", "noun", "PUT", advertised=35) == cost


def test_costs_and_sizes_come_from_the_configuration(tmp_path):
    cache = config_store(
        tmp_path,
        crossbar={"token_costs": {"acc": {"connectivity": {"PUT": 7}}, "schemas": 0}},
        token_buckets={"crossbar": {"max_bucket_tokens": 50}, "tokens_fill_rate": 3, "tokens_fill_time": "minute"},
    )
    assert cost_of(cache, "acc", "connectivity", "PUT") == 7
    assert cost_of(cache, "other", "schemas", "GET") == 0
    assert cost_of(cache, "other", "user_auth", "PUT", advertised=35) == 35
    assert size_for(cache) == Size(capacity=50, refill=3, period=60, idle=600)
