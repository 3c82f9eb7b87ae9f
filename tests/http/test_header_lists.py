"""Headers that are lists: RFC 9110, sections 5.6.1.2 (empty elements) and 5.6.4 (quoted commas)."""

import pytest
import requests

pytestmark = [pytest.mark.slow, pytest.mark.either_engine]

JAVAS = "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2"


@pytest.fixture
def trunk(api):
    """The address of a trunk, and the ETag of its only revision."""
    url = api.url(f"/{api.create({'name': 'one'})}")
    return url, requests.get(url, headers={"X-Auth-Token": api.token}, timeout=120).headers["etag"]


def asked(api, url, method="GET", **headers):
    headers = {"X-Auth-Token": api.token, **{name.replace("_", "-"): value for name, value in headers.items()}}
    body = None if method == "GET" else {"data": {"name": "two"}}
    return requests.request(method, url, json=body, headers=headers, timeout=120)


@pytest.mark.parametrize(
    "accept",
    [JAVAS, "*", "*;q=.2", "image/gif, *", "*,", 'text/plain;x="a,b", application/json', 'x/y;z="\\",", */*'],
)
def test_an_accept_header_that_allows_json_in_an_unusual_way_gets_json(api, accept):
    answer = asked(api, api.url(), accept=accept)
    assert answer.status_code == 200 and answer.headers["content-type"] == "application/json"


def test_an_accept_header_whose_only_json_is_in_a_quoted_text_is_a_406(api):
    assert asked(api, api.url(), accept='text/plain;x="a, application/json, b"').status_code == 406


@pytest.mark.parametrize(
    ("languages", "language"),
    [("en-US,", "en-us"), (",en-GB", "en-gb"), ("fr;q=0.5,, en-GB ,", "en-gb"), ("fr, ,", "fr")],
)
def test_empty_elements_of_accept_language_are_ignored(api, languages, language):
    answer = asked(api, api.url(), accept_language=languages)
    assert (answer.status_code, answer.headers.get("content-language")) == (200, language)


@pytest.mark.parametrize("tags", ['"x",,{}', ",{}", "{},", '"a,b", {}', '"a,b" ,, W/{} ,'])
def test_a_tag_in_a_list_with_empty_elements_or_quoted_commas_is_a_304(api, trunk, tags):
    url, etag = trunk
    assert asked(api, url, if_none_match=tags.format(etag)).status_code == 304


@pytest.mark.parametrize("tags", ['"x",,{}', ",{},", '"a,b", {}'])
def test_a_write_is_done_if_the_revision_is_in_such_a_list(api, trunk, tags):
    url, etag = trunk
    assert asked(api, url, "PATCH", if_match=tags.format(etag)).status_code == 200


def test_a_quoted_comma_does_not_make_two_tags_of_one(api, trunk):
    """The part behind the comma is the revision, but the tag is another one."""
    url, etag = trunk
    tag = f'"a,{etag[1:]}'
    assert asked(api, url, if_none_match=tag).status_code == 200
    assert asked(api, url, "PATCH", if_match=tag).status_code == 412


@pytest.mark.parametrize("tags", ["x", '"x" "y"', '"x'])
def test_what_is_no_list_of_tags_stays_a_400(api, trunk, tags):
    assert asked(api, trunk[0], if_none_match=tags).status_code == 400
