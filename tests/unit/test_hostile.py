"""What `make hostile` is made of."""

import math

import pytest

from tests.load.hostile.attacks import ATTACKS
from tests.load.hostile.clients import NotLoopback, Target, loopback_address
from tests.load.hostile.report import Load, Phase, Result, Sample, percentile, table


def phase(*times, rss=100.0, statuses=()):
    samples = [Sample(0.0, time, 200) for time in times] + [Sample(0.0, 1.0, status) for status in statuses]
    return Phase(samples, rss and Load(0.5, rss, rss * 2))


def result(**members):
    members = {
        "before": phase(1, 2, 3),
        "during": phase(1, 2, 20),
        "after": phase(1, 2, 3),
        "statuses": {200: 5, 503: 1},
        "ended": False,
        **members,
    }
    return Result("chunks", **members)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://127.0.0.1:8000", ("127.0.0.1", 8000)),
        ("http://127.8.9.10:81/v2", ("127.8.9.10", 81)),
        ("http://[::1]:8000", ("::1", 8000)),
        ("http://localhost", ("127.0.0.1", 80)),
        ("http://LOCALHOST:8000/", ("127.0.0.1", 8000)),
    ],
)
def test_services_on_a_loopback_address_may_be_attacked(url, address):
    assert loopback_address(url) == address


@pytest.mark.parametrize(
    "url",
    [
        "http://192.0.2.1:8000",
        "http://10.0.0.1",
        "http://0.0.0.0:8000",
        "http://[::]:8000",
        "http://[2001:db8::1]:8000",
        "http://example.com",
        "http://localhost.example.com:8000",
        "http://127.0.0.1.example.com",
        "http://127.0.0.1@192.0.2.1:8000",
        "http://127.1:8000",
        "http://2130706433:8000",
        "https://127.0.0.1:8000",
        "http://127.0.0.1:99999",
        "127.0.0.1:8000",
        "http://",
        "",
    ],
)
def test_other_services_may_not(url):
    with pytest.raises(NotLoopback):
        loopback_address(url)


def test_percentiles_are_values_that_were_measured():
    values = [float(value) for value in range(100, 0, -1)]
    assert (percentile(values, 0.5), percentile(values, 0.99), percentile(values, 1)) == (50, 99, 100)
    assert percentile([7.0], 0.99) == 7
    assert percentile([], 0.5) == math.inf


def test_a_long_wait_weighs_as_much_as_it_lasts():
    assert phase(1, 19.5, 20.5, 65).times == [1, 19.5, 20.5, 65, 45, 25, 5]
    assert phase(5000, statuses=[0, 503]).times[-1] == 20


def test_wishes_that_hold():
    assert result().broken_wishes() == []


@pytest.mark.parametrize(
    ("members", "wish"),
    [
        ({"during": phase(1, *[25.0] * 9)}, "p99 is 12 times p50"),
        ({"before": phase(*[220] * 5), "during": phase(*[1001.0] * 5)}, "p99 is over 1 s"),
        ({"during": phase()}, "the normal client got no answer"),
        ({"during": phase(1, statuses=[503])}, "1 requests of the normal client got 503 or no answer"),
        (
            {"during": phase(1, statuses=[0, 0]), "may_refuse": True},
            "2 requests of the normal client got 503 or no answer",
        ),
        ({"after": phase(rss=121.0)}, "RSS stays at 1.21 times"),
        ({"statuses": {200: 1, 500: 2, 503: 9}}, "2 answers are a 5xx"),
        ({"after": phase(1, statuses=[502])}, "1 answers are a 5xx"),
        ({"ended": True}, "a worker ended"),
        ({"error": "WrongAnswer: 401"}, "WrongAnswer: 401"),
    ],
)
def test_each_wish_can_be_broken_alone(members, wish):
    assert result(**members).broken_wishes() == [wish]


def test_an_overloaded_service_may_refuse_the_normal_client():
    assert result(during=phase(1, statuses=[503]), may_refuse=True).broken_wishes() == []


def test_what_is_not_known_of_the_workers_is_not_judged():
    unknown = result(**dict.fromkeys(("before", "during", "after"), phase(1, 2, rss=None)), ended=None)
    assert unknown.broken_wishes() == []
    assert "| ? / ? / ? | ? / ? / ? | 0 | ? | hold |" in table([unknown])


def test_the_table_has_a_row_for_each_attack():
    lines = table([result(), result(during=phase(), ended=True)]).splitlines()
    assert len(lines) == 4 and len({line.count("|") for line in lines}) == 1
    assert lines[2] == (
        "| chunks | 2.0 / 2.0 | 2.0 / 2.0 (20.0) | 2.0 / 2.0 | 0, 0 of 3"
        " | 0.50 / 0.50 / 0.50 | 100 / 200 / 100 | 0 | no | hold |"
    )
    assert "– / – (–)" in lines[3]
    assert lines[3].endswith("| yes | the normal client got no answer; a worker ended |")


def test_requests_have_the_token_unless_the_client_does_not_know_it():
    target = Target("127.0.0.1", 8000, "a1", "s3cret", 32, "hostile-1")
    assert target.request("PUT", "/x", b"{}", "A: b") == (
        b"PUT /x HTTP/1.1\r\nHost: hostile\r\nA: b\r\nContent-Length: 2\r\nX-Auth-Token: s3cret\r\n\r\n{}"
    )
    assert target.request("GET", "/x", knows=False) == b"GET /x HTTP/1.1\r\nHost: hostile\r\n\r\n"


def test_every_attack_says_what_it_does():
    assert len(ATTACKS) == 12
    assert all(attack.__doc__ for attack in ATTACKS.values())
