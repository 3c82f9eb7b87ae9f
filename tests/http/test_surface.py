"""The HTTP surface: order of checks, methods, headers and envelopes (docs/kazoo/http.md, sections 0 to 7)."""

import gzip
import http.client
import json
from urllib.parse import quote

import pytest
import requests

pytestmark = [pytest.mark.slow, pytest.mark.either_engine]

ITEM = "OPTIONS, PATCH, POST, GET, DELETE"
COLLECTION = "OPTIONS, PUT, GET"
ALL = "OPTIONS, GET, POST, PUT, DELETE, HEAD, PATCH, OPTIONS"
FOREIGN = {"Origin": "http://ui.example"}


def raw(base, method, path, body=None, headers=None):
    """Without what `requests` adds of its own."""
    connection = http.client.HTTPConnection(*base.removeprefix("http://").split(":"), timeout=120)
    try:
        connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in (headers or {}).items():
            connection.putheader(name, value)
        if body is not None:
            connection.putheader("content-length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


class TestWhichErrorWins:
    """Each request has several faults; the earlier step of the pipeline answers."""

    def test_the_order(self, base, api):
        missing = "0" * 32
        bad_body, no_token = b'{"data":5}', {}
        token = {"X-Auth-Token": api.token}

        def status(method, path, body=None, headers=None):
            code, _, text = raw(base, method, path, body, headers)
            return code, json.loads(text)["message"] if text else None

        path = f"/v2/accounts/{missing}/connectivity"
        assert status("BREW", path, bad_body, no_token) == (400, "validation error")
        assert status("BREW", path) == (501, None)
        assert status("DELETE", path) == (405, "invalid_method")
        assert status("GET", path) == (404, "bad_identifier")
        assert status("GET", f"{path}/a/b") == (404, "not_found")
        own = f"/v2/accounts/{api.person.account_id}/connectivity"
        assert status("GET", own, headers={"Accept": "text/html"}) == (401, "invalid_credentials")
        parent = f"/v2/accounts/{api.person.account['pvt_tree'][0]}/connectivity"
        assert status("GET", parent, headers={**token, "Accept": "text/html"}) == (403, "forbidden")
        assert status("PUT", own, b'{"data":{"name":1}}', {**token, "Accept": "text/html"}) == (406, None)
        typed = {**token, "Content-Type": "text/plain", "If-Match": "*"}
        assert status("POST", f"{own}/nope", b"x", typed) == (404, "bad_identifier")
        assert status("PUT", own, b"x", typed) == (412, None)
        assert status("PUT", own, b"x", {**token, "Content-Type": "text/plain"}) == (415, None)


class TestCors:
    @pytest.mark.parametrize(
        ("path", "methods"),
        [("", COLLECTION), ("/x", ITEM), ("/x/y", "OPTIONS")],
    )
    def test_errors_always_carry_the_five_headers(self, base, api, path, methods):
        _, headers, _ = raw(base, "GET", f"/v2/accounts/{api.person.account_id}/connectivity{path}")
        assert headers["access-control-allow-methods"] == methods
        assert headers["access-control-allow-origin"] == "*"
        assert headers["access-control-max-age"] == "86400"
        assert headers["access-control-expose-headers"].endswith("location, etag, etag")
        assert headers["access-control-allow-headers"].startswith("content-type, depth, user-agent")
        assert "access-control-allow-credentials" not in headers

    def test_before_the_route_is_known_all_methods_are_listed(self, base):
        for path, body in (("/v2/schemas", b"["), ("/v2/bogus", None), ("/v2/account/connectivity", None)):
            assert raw(base, "GET", path, body)[1]["access-control-allow-methods"] == ALL

    def test_a_preflight_needs_no_token_and_no_account(self, base):
        path = f"/v2/accounts/{'0' * 32}/connectivity"
        status, headers, body = raw(
            base, "OPTIONS", path, headers={**FOREIGN, "Access-Control-Request-Method": "PURGE"}
        )
        assert (status, body) == (200, b"")
        assert headers["access-control-allow-methods"] == f"PURGE, {COLLECTION}"
        assert "content-type" not in headers and "vary" not in headers
        assert raw(base, "OPTIONS", path)[0] == 405

    def test_successes_and_empty_answers_only_for_cors_requests(self, base, api):
        path, token = f"/v2/accounts/{api.person.account_id}/connectivity", {"X-Auth-Token": api.token}
        assert "access-control-allow-origin" not in raw(base, "GET", path, headers=token)[1]
        assert "access-control-allow-origin" in raw(base, "GET", path, headers={**token, **FOREIGN})[1]
        assert "access-control-allow-origin" not in raw(base, "GET", path, headers={**token, "Accept": "x/y"})[1]
        assert (
            "access-control-allow-origin" in raw(base, "GET", path, headers={**token, **FOREIGN, "Accept": "x/y"})[1]
        )
        assert "access-control-allow-origin" not in raw(base, "GET", "/nowhere", headers=FOREIGN)[1]


class TestEnvelopes:
    def test_v1_shows_the_text_of_system_errors(self, base, api):
        answer = requests.get(f"{base}/v1/accounts/{'0' * 32}/connectivity", timeout=120).json()
        assert answer["data"] == "bad identifier"
        v1 = api.url("").replace("/v2/", "/v1/")
        for version, url in (("v1", v1), ("v2", api.url(""))):
            refused = requests.put(url, json={"data": {"name": 1}}, headers={"X-Auth-Token": api.token}, timeout=120)
            assert refused.json()["data"]["name"]["type"]["target"] == "string", version
        assert "page_size" not in requests.get(v1, headers={"X-Auth-Token": api.token}, timeout=120).json()

    @pytest.mark.parametrize("version", ["v0", "v3", "v02", "v-1", "v9"])
    def test_every_other_version_is_v2(self, base, version):
        answer = requests.get(f"{base}/{version}/accounts/abc/connectivity", timeout=120).json()
        assert answer["data"] == {"message": "invalid account_id 'abc'"}

    @pytest.mark.parametrize(
        "path", ["/", "/favicon.ico", "/V2/x", "/v2x", "//v2/schemas", "/vx/schemas", "//console", "//health"]
    )
    def test_the_landing_page(self, base, path):
        for method in ("GET", "PUT", "BREW"):
            status, headers, body = raw(base, method, path)
            assert (status, headers["content-type"]) == (200, "text/plain; charset=UTF-8")
            assert b"/v2/accounts/{ACCOUNT_ID}/connectivity" in body
            assert "x-request-id" not in headers

    def test_v1_5_knows_no_noun(self, base):
        assert raw(base, "GET", "/v1.5/schemas")[0] == 401

    def test_request_ids(self, base):
        status, headers, body = raw(base, "GET", "/v2/schemas", headers={"X-Request-ID": 'ünïcode "id"'.encode()})
        assert headers["x-request-id"].encode("latin-1").decode() == 'ünïcode "id"'
        assert json.loads(body)["request_id"] == 'ünïcode "id"'
        own = raw(base, "GET", "/v2/schemas")
        assert len(own[1]["x-request-id"]) == 32 and json.loads(own[2])["request_id"] == own[1]["x-request-id"]

    def test_pretty(self, base):
        text = raw(base, "GET", "/v2/schemas?pretty_print=true")[2].decode()
        assert text.startswith('{\n  "data" : [\n    "accounts",')
        off = raw(base, "GET", "/v2/schemas?pretty_print=true", headers={"X-Pretty-Print": "no"})[2]
        assert off.startswith(b'{"data":[')

    def test_gzip_for_who_asks(self, base):
        path = "/v2/schemas/connectivity"
        status, headers, body = raw(base, "GET", path, headers={"Accept-Encoding": "deflate, gzip;q=0.5"})
        assert headers["content-encoding"] == "gzip" and headers["vary"] == "accept-language, accept, accept-encoding"
        assert json.loads(gzip.decompress(body))["data"]["id"] == "connectivity"
        for accepted in ("gzip;q=0", "br", "*", ""):
            assert "content-encoding" not in raw(base, "GET", path, headers={"Accept-Encoding": accepted})[1]
        assert "content-encoding" not in raw(base, "GET", "/v2/schemas", headers={"Accept-Encoding": "gzip"})[1]

    def test_error_content_type_has_no_charset(self, base):
        assert raw(base, "GET", "/v2/bogus")[1]["content-type"] == "application/json"

    def test_head_has_the_headers_of_the_error_and_no_body(self, base, api):
        status, headers, body = raw(base, "HEAD", f"/v2/accounts/{api.person.account_id}/connectivity")
        assert (status, headers["content-type"], body) == (405, "application/json", b"")


class TestNegotiation:
    @pytest.mark.parametrize(
        ("accept", "status"),
        [
            ("application/json", 200),
            ("application/x-json", 200),
            ("application/*", 200),
            ("*/*;q=0.1", 200),
            ("text/html, application/json;q=0", 200),
            ("application/json, text/javascript, */*; q=0.01", 200),
            ("text/csv", 200),
            ("text/*;q=0.1", 200),
            ("application/json; charset=utf-8", 406),
            ("text/html", 406),
            ("", 406),
            ("bad", 400),
        ],
    )
    def test_accept(self, base, accept, status):
        assert raw(base, "GET", "/v2/schemas", headers={"Accept": accept})[0] == status

    def test_csv_is_the_data_alone(self, base, api):
        """A browser's download must not have the token."""
        for number in range(2):
            api.create({"name": f'"{number}", x', "servers": []})
        users = f"/v2/accounts/{api.person.account_id}/users"
        token = {"X-Auth-Token": api.token}
        status, headers, body = raw(base, "GET", f"{users}?accept=csv&auth_token={api.token}")
        assert (status, headers["content-type"]) == (200, "text/csv") and headers["etag"]
        assert headers["content-disposition"] == 'attachment; filename="users.csv"'
        titles, row = body.decode().splitlines()
        assert titles.split(",")[0] == '"ID"' and f'"{api.person.user["username"]}"' in row
        assert api.token not in body.decode() and "envelope" not in body.decode()
        best = {**token, "Accept": "application/json;q=0.5, text/comma-separated-values"}
        assert raw(base, "GET", users, headers=best)[2] == body
        for accept in ("application/json, text/csv", "text/csv;q=0.1, */*"):
            answer = raw(base, "GET", users, headers={**token, "Accept": accept})
            assert answer[1]["content-type"] == "application/json"
        ids = api.call("GET").json()["data"]
        _, headers, body = raw(
            base, "GET", f"/v2/accounts/{api.person.account_id}/connectivity", headers={**token, "Accept": "text/csv"}
        )
        assert body.decode() == "".join(ids) and "content-disposition" not in headers

    def test_what_csv_is_not(self, base, api):
        token = {"X-Auth-Token": api.token}
        account = f"/v2/accounts/{api.person.account_id}"
        status, headers, body = raw(base, "GET", f"{account}/nothing?accept=csv", headers=token)
        assert status == 404 and json.loads(body)["status"] == "error"
        status, headers, body = raw(base, "GET", f"{account}/ledgers/total?accept=csv", headers=token)
        assert (status, body) == (200, b'"Amount"\n"0.0"\n')
        _, headers, body = raw(base, "GET", f"{account}/ledgers/x?accept=csv", headers=token)
        assert (headers["content-type"], body) == ("text/csv", b"")
        for name, wanted in (
            ("my list.csv", "my list.csv"),
            ('a"b', "users.csv"),
            ("a\nb", "users.csv"),
            ("é", "users.csv"),
        ):
            path = f"{account}/users?accept=csv&file_name={quote(name)}"
            assert raw(base, "GET", path, headers=token)[1]["content-disposition"].endswith(f'"{wanted}"')
        answer = requests.put(
            f"{base}{account}/connectivity?accept=csv", json={"data": {}}, headers=token, timeout=120
        )
        assert answer.json()["data"]["id"]

    @pytest.mark.parametrize(
        ("header", "language"),
        [
            ("fr-CH, fr;q=0.9, en;q=0.8", "fr-ch"),
            ("en;q=0.5,de", "en"),
            ("en-GB", "en-gb"),
            ("de;q=0.3, en-us;q=0.9", "en-us"),
        ],
    )
    def test_language_is_echoed(self, base, header, language):
        status, headers, _ = raw(base, "GET", "/v2/schemas", headers={"Accept-Language": header})
        assert (status, headers["content-language"]) == (200, language)

    def test_a_language_that_cannot_be_read(self, base):
        status, headers, body = raw(base, "GET", "/v2/schemas", headers={"Accept-Language": "***"})
        assert (status, body) == (400, b"") and "x-request-id" not in headers


class TestBodies:
    def put(self, api, body, content_type=None, path=""):
        headers = {"X-Auth-Token": api.token}
        if content_type is not None:
            headers["Content-Type"] = content_type
        status, headers, text = raw(
            api.base, "PUT", f"/v2/accounts/{api.person.account_id}/connectivity{path}", body, headers
        )
        return status, json.loads(text) if text else None

    @pytest.mark.parametrize(
        "kind", [None, "", " ", "application/json", "APPLICATION/JSON; x=y", "application/x-json"]
    )
    def test_json(self, api, kind):
        assert self.put(api, b'{"data":{"name":"x"}}', kind)[0] == 201

    @pytest.mark.parametrize(
        "kind", ["text/plain", "application/xml", "garbage", ";;;", "text/csv", "multipart/form-data; boundary=x"]
    )
    def test_no_json(self, api, kind):
        assert self.put(api, b"name", kind) == (415, None)

    def test_a_form_that_is_json(self, api):
        kind = "application/x-www-form-urlencoded"
        assert self.put(api, b'{"data":{"name":"x"}}', kind)[0] == 201
        assert self.put(api, b'{"data":{"name":"50% off"}}', kind)[1]["data"]["name"] == "50% off"
        assert self.put(api, b'{"data":{"name":"a=b"}}', kind)[0] == 400
        assert self.put(api, b"name=50% off", kind)[0] == 400
        status, answer = self.put(api, b"", kind)
        assert status == 400 and answer["data"]["data"]["required"]["value"] == {}

    def test_envelope_names_are_normalised(self, api):
        status, answer = self.put(api, b'{"DATA":{"Name-X":1},"Auth-Token":"x"}')
        assert status == 201 and answer["data"]["Name-X"] == 1

    @pytest.mark.parametrize(
        ("body", "path", "keyword"),
        [
            (b'{"name":"x"}', "data", "required"),
            (b'{"data":null}', "data", "required"),
            (b'{"data":"x"}', "data", "type"),
            (b"[1]", "json", "invalid"),
            (b'{"data":', "json", "invalid"),
        ],
    )
    def test_envelopes_that_are_none(self, api, body, path, keyword):
        status, answer = self.put(api, body)
        assert status == 400 and list(answer["data"][path]) == [keyword] and answer["auth_token"] == "undefined"

    def test_arrays_as_data(self, api):
        assert self.put(api, b'{"data":[]}')[1]["data"].keys() == {"account", "id"}
        for body in (b'{"data":[{}]}', b'{"data":[1]}'):
            assert self.put(api, body)[1]["data"]["data"]["type"]["target"] == "object"
        doc_id = api.create()
        assert (
            api.session.post(
                api.url(f"/{doc_id}"), json={"data": []}, headers={"X-Auth-Token": api.token}
            ).status_code
            == 400
        )

    def test_no_body_replaces_by_defaults(self, api):
        doc_id = api.create({"name": "x"})
        status, _, text = raw(
            api.base,
            "POST",
            f"/v2/accounts/{api.person.account_id}/connectivity/{doc_id}",
            b"",
            {"X-Auth-Token": api.token},
        )
        assert status == 200 and json.loads(text)["data"].keys() == {"servers", "account", "id"}

    def test_eight_megabytes_are_the_limit(self, api):
        head, tail = b'{"data":{"x":"', b'"}}'
        fitting = head + b"y" * (8_000_000 - len(head) - len(tail)) + tail
        assert self.put(api, fitting)[0] == 201
        status, answer = self.put(api, fitting + b" ")
        assert status == 400 and answer["data"]["file"]["maxSize"]["target"] == 8000000

    def test_eight_megabytes_of_brackets(self, api):
        status, answer = self.put(api, b'{"data":' + b"[" * 7_900_000)
        assert status == 400 and list(answer["data"]) == ["json"]
        assert self.put(api, b'{"data":{"x":' + b"[" * 500 + b"]" * 500 + b"}}")[0] == 400


class TestTunnels:
    def test_post_may_carry_a_verb(self, api):
        answer = api.call("POST", json={"data": {"name": "x"}, "verb": "put"})
        assert answer.status_code == 201 and answer.headers["location"].endswith(answer.json()["data"]["id"])
        path = "/" + answer.json()["data"]["id"]
        assert api.call("POST", path, json={"data": {"name": "y"}, "verb": "PATCH"}).json()["data"]["name"] == "y"
        assert api.call("POST", path + "?verb=DELETE", {}).json()["data"]["_read_only"] == {"deleted": True}

    def test_no_other_method_may(self, api):
        doc_id = api.create()
        for method, verb in (("GET", "DELETE"), ("DELETE", "GET"), ("PATCH", "DELETE"), ("GET", "POST")):
            assert api.call(method, f"/{doc_id}?verb={verb}", {}).status_code == 405
        assert api.call("PUT", "?verb=GET", {}).status_code == 405
        assert api.call("GET", f"/{doc_id}").status_code == 200

    def test_a_tunnel_does_not_lead_around_the_list_of_verbs(self, api):
        assert api.call("POST", json={"data": {}, "verb": "DELETE"}).status_code == 405
        assert api.call("POST", json={"data": {}, "verb": "OPTIONS"}).status_code == 405


class TestConditions:
    def test_reads(self, api):
        doc_id = api.create()
        read = api.call("GET", f"/{doc_id}")
        tag = read.headers["etag"]
        assert tag == f'"{read.json()["revision"]}"' and read.headers["expires"] == "Fri, 01 Jan 1999 00:00:00 GMT"
        for header, status in (
            ({"If-None-Match": tag}, 304),
            ({"If-None-Match": f'W/{tag}, "x"'}, 304),
            ({"If-None-Match": "*"}, 304),
            ({"If-None-Match": '"x"'}, 200),
            ({"If-None-Match": "x"}, 400),
            ({"If-Match": tag}, 200),
            ({"If-Match": f"W/{tag}"}, 412),
            ({"If-Match": '"x"'}, 412),
            ({"If-Match": "*"}, 200),
        ):
            answer = api.call("GET", f"/{doc_id}", headers=header)
            assert answer.status_code == status, header
            if status == 304:
                assert (
                    answer.content == b"" and "content-type" not in answer.headers and answer.headers["etag"] == tag
                )

    def test_lists_have_no_tag(self, api):
        assert "etag" not in api.call("GET").headers
        for header, status in (("*", 304), ('"x"', 412), ("x", 400)):
            assert api.call("GET", headers={"If-None-Match": header}).status_code == status
        assert api.call("GET", headers={"If-Match": '"x"'}).status_code == 412

    @pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
    def test_writes(self, api, method):
        doc_id = api.create()
        tag = api.call("GET", f"/{doc_id}").headers["etag"]
        data = None if method == "DELETE" else {}
        for header in ({"If-Match": '"x"'}, {"If-None-Match": tag}, {"If-None-Match": "*"}):
            answer = api.call(method, f"/{doc_id}", data, headers=header)
            assert (answer.status_code, answer.content) == (412, b""), header
        assert api.call("GET", f"/{doc_id}").headers["etag"] == tag
        answer = api.call(method, f"/{doc_id}", data, headers={"If-Match": tag})
        assert answer.status_code == 200 and "etag" not in answer.headers

    def test_creates(self, api):
        assert api.call("PUT", data={}, headers={"If-Match": "*"}).status_code == 412
        assert api.call("PUT", data={}, headers={"If-None-Match": '"x"'}).status_code == 201
        assert api.call("POST", json={"data": {}, "verb": "PUT"}, headers={"If-Match": "*"}).status_code == 412


class TestAbout:
    def test_who_may_see_it(self, base, api, world):
        from tests.support import Api

        def status(token, path="about"):
            return requests.get(f"{base}/v2/{path}", headers={"X-Auth-Token": token}, timeout=120).status_code

        assert status("x") == 401 and status(api.token) == 403
        assert status(Api(base, world.master).token) == 200
        assert status(api.token, f"accounts/{api.person.account_id}/about") == 200
        assert status(api.token, "about/x") == 404
