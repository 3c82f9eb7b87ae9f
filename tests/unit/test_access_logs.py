"""Each format of an access log has escapes of its own, and the server is asked what its client asked for."""

import json

import pytest

from app.compare.access_log import targets

ACCOUNT = "/v2/accounts/0123456789abcdef0123456789abcdef/connectivity"
NGINX = '127.0.0.1 - - [29/Nov/2026:19:00:00 +0000] "GET {} HTTP/1.1" 200 12 "-" "curl/7.88"'
HAPROXY = (
    "Nov 29 19:00:00 lb haproxy[12]: 192.0.2.1:4711 [29/Nov/2026:19:00:00.000] web kazoo/new 0/0/0/7/7 200 512 - - "
    '---- 1/1/0/0/0 0/0 "GET {} HTTP/1.1"'
)
# With captured headers, which are before the request.
HAPROXY_CAPTURING = HAPROXY.replace('0/0 "', '0/0 {{api.example.com|#7Bx#7D}} "')


def read(line):
    return list(targets([line + "\n"]))


@pytest.mark.parametrize("line", [HAPROXY, HAPROXY_CAPTURING])
@pytest.mark.parametrize(
    ("logged", "asked"),
    [
        ("?filter_name=#22a#22", "?filter_name=%22a%22"),
        ("/a#22b", "/a%22b"),
        ("?filter_name=#C3#A9", "?filter_name=%C3%A9"),
        ("/a#23b", "/a%23b"),
        ("?filter_name=a%23b", "?filter_name=a%23b"),
        ("?filter_name=\\x22", "?filter_name=\\x22"),
        ("?filter_name=100%25", "?filter_name=100%25"),
    ],
)
def test_haproxys_escapes_are_undone(line, logged, asked):
    assert read(line.format(ACCOUNT + logged)) == [ACCOUNT + asked]


@pytest.mark.parametrize(
    ("logged", "asked"),
    [
        ("?filter_name=\\x22a\\x22", "?filter_name=%22a%22"),
        ("?filter_name=\\xC3\\xA9", "?filter_name=%C3%A9"),
        ("/a\\x5Cb", "/a%5Cb"),
        ("?filter_name=%2322", "?filter_name=%2322"),
    ],
)
def test_nginxs_escapes_are_undone(logged, asked):
    assert read(NGINX.format(ACCOUNT + logged)) == [ACCOUNT + asked]


@pytest.mark.parametrize("query", ["?filter_name=%22", "?filter_name=\\x22", "?filter_name=a%23b"])
def test_our_own_log_has_no_escapes_but_those_of_json(query):
    assert read(json.dumps({"method": "GET", "path": ACCOUNT + query})) == [ACCOUNT + query]


def test_a_secret_beside_haproxys_escapes_is_left_out():
    assert read(HAPROXY.format(ACCOUNT + "?#22auth_token=abc&page_size=3")) == [ACCOUNT + "?page_size=3"]
