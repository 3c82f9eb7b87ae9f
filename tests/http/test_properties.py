"""Whatever is sent: an answer in the envelope, or one of the bodiless ones, and never a fault."""

import http.client
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import support
from tests.conftest import make_person

pytestmark = [pytest.mark.slow, pytest.mark.repeated]

SETTINGS = settings(max_examples=support.often(40, 1000), deadline=None, suppress_health_check=list(HealthCheck))
NAMES = st.sampled_from(
    ["name", "account", "servers", "auth", "DIDs", "+14155550100", "options", "enabled", "port", "id", "_id", "_rev"]
    + ["pvt_type", "_attachments", "_deleted", "page_size", "start_key", "auth_method", "rev"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-(2.0**53), 2.0**53) | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8) | NAMES, inner, max_size=5),
    max_leaves=30,
)
BODILESS = {200, 304, 400, 404, 405, 406, 412, 414, 415, 501}


@pytest.fixture(scope="module")
def client(world, base):
    return support.Api(base, make_person(world, "properties"))


# An empty array is the one thing that Kazoo stores without the defaults.
@given(data=JSON.filter(lambda data: data != []))
@SETTINGS
def test_any_json_as_data(client, data):
    """Accepted or refused, and what was accepted is accepted again without a change."""
    answer = client.call("PUT", json={"data": data})
    assert answer.status_code in (201, 400, 401, 405, 409), answer.text
    body = answer.json()
    if answer.status_code != 201:
        assert body["status"] == "error"
        return
    path = answer.headers["location"].removeprefix(client.url().removeprefix(client.base))
    again = client.call("POST", path, body["data"])
    assert again.status_code == 200, again.text
    assert again.json()["data"] == body["data"]
    assert client.call("GET", path).json()["data"] == body["data"]
    assert client.call("DELETE", path + "?should_soft_delete=false").status_code == 200


TOKENS = "!#$%&'*+-.^_`|~0123456789abcXYZ"
SEGMENTS = st.sampled_from(
    [
        "v1",
        "v2",
        "v9",
        "accounts",
        "connectivity",
        "schemas",
        "users",
        "phone_numbers",
        "about",
        "user_auth",
        "account",
    ]
    + ["validation", "%2F", "..", "", "_design%2Ftrunkstore", "%00", "%ff", "a b".replace(" ", "%20"), "{A}", "{D}"]
)
# Paths of the caller's own account, where the checks of the resources are met.
OWN = st.tuples(
    st.sampled_from(["v1", "v2"]),
    st.sampled_from(["connectivity", "connectivity", "users", "phone_numbers", "limits", "about"]),
    st.lists(SEGMENTS, max_size=2),
).map(lambda path: [path[0], "accounts", "{A}", path[1], *path[2]])
HEADERS = st.dictionaries(
    st.sampled_from(
        ["Accept", "Accept-Language", "Accept-Encoding", "If-Match", "If-None-Match", "Content-Type", "Origin"]
        + ["X-Auth-Token", "Authorization", "X-Request-ID", "X-Pretty-Print", "X-Forwarded-For", "X-Auth-Account-ID"]
        + ["Access-Control-Request-Method", "Cookie", "Range"]
    ),
    st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=30)
    | st.sampled_from(["application/json", "*/*", "*", '"x"', "gzip", "Basic eA==", "Bearer x", "{T}", "text/plain"]),
    max_size=4,
)
QUERY = st.lists(
    st.tuples(
        st.sampled_from(
            ["page_size", "start_key", "paginate", "filter_name", "has_key", "created_from", "verb", "auth_token"]
            + ["pretty_print", "should_soft_delete", "jsonp", "accept", "filter_servers.1.x", "_"]
        ),
        st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="#"), max_size=12),
    ),
    max_size=3,
).map(lambda pairs: "&".join(f"{name}={value}" for name, value in pairs))


@given(
    method=st.sampled_from(["GET", "PUT", "POST", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "BREW"]),
    segments=st.lists(SEGMENTS, max_size=6) | OWN,
    query=QUERY,
    headers=HEADERS | HEADERS.map(lambda headers: {**headers, "X-Auth-Token": "{T}"}),
    body=st.none() | st.binary(max_size=50) | JSON.map(lambda value: json.dumps({"data": value}).encode()),
)
@SETTINGS
def test_any_request(client, method, segments, query, headers, body):
    path = "/" + "/".join(segments) + (f"?{query}" if query else "")
    path = path.replace("{A}", client.person.account_id).replace("{D}", "0" * 32)
    connection = http.client.HTTPConnection(*client.base.removeprefix("http://").split(":"), timeout=120)
    connection.putrequest(method, path, skip_accept_encoding=True)
    for name, value in headers.items():
        connection.putheader(name, value.replace("{T}", client.token).encode("latin-1"))
    if body is not None:
        connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    assert answer.status < 500 or answer.status == 501, (answer.status, text)
    if not text:
        assert answer.status in BODILESS or method == "HEAD"
        return
    kind = answer.getheader("content-type")
    if kind == "application/json" and answer.getheader("content-encoding") is None:
        envelope = json.loads(text)
        assert envelope["status"] in ("success", "error")
        assert envelope["request_id"] == answer.getheader("x-request-id").encode("latin-1").decode("utf-8", "replace")
        assert (envelope["status"] == "error") == ("error" in envelope)
