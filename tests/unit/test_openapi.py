"""The OpenAPI document: what it says, that nothing is missing, and the pages that show it."""

import ast
import gzip
import inspect
import itertools
import json
import re
from pathlib import Path

import jsonschema_rs
import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from app.crossbar.context import Context
from app.kazoo.constants import METHODS
from app.openapi.document import build, examples, operation_id
from app.openapi.json_schema import patch_of, translated
from app.openapi.table import TABLE
from app.resources import NOUNS
from app.schema import Schemas
from tests import openapi_examples
from tests.in_process import InProcess, services_with
from tests.support import RECORDINGS, ROOT

SCHEMAS = Schemas()
LANDING = "This is the connectivity API"
# What no parameter of a path that is described can be.
NOT_SERVED = {"user_auth": ("recovery",)}
# Stands for any parameter of a path.
SOMETHING = "f" * 32


@pytest.fixture(scope="module")
def services(tmp_path_factory):
    return services_with(tmp_path_factory.mktemp("store"), [], history=True, explain=True)


@pytest.fixture(scope="module")
def document(services):
    return build(services)


@pytest.fixture(scope="module")
def server(services):
    return InProcess(services)


def operations(document):
    """All operations as (verb, path, operation)."""
    return [
        (name.upper(), path, operation)
        for path, item in document["paths"].items()
        for name, operation in item.items()
        if name.upper() in METHODS
    ]


def validator(document, *path):
    """A validator of the schema at this path of the document."""
    pointer = "/".join(part.replace("~", "~0").replace("/", "~1") for part in path)
    return Draft202012Validator({"$ref": f"#/{pointer}", **document})


# The translation of schemas


def test_a_schema_of_draft_4_is_translated():
    draft4 = {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "_id": "things",
        "description": "things",
        "properties": {
            "id": {"type": "string"},
            "kind": {"default": "a", "enum": ["a", "b"], "type": "string"},
            "parts": {"items": {"$schema": "x", "required": ["n"], "type": "object"}, "type": "array"},
        },
        "patternProperties": {"^x": {"_id": "x", "type": "integer"}},
        "required": ["id", "kind"],
        "type": "object",
    }
    assert translated(draft4) == {
        "description": "things",
        "properties": {
            "id": {"type": "string"},
            "kind": {"default": "a", "enum": ["a", "b"], "type": "string"},
            "parts": {"items": {"required": ["n"], "type": "object"}, "type": "array"},
        },
        "patternProperties": {"^x": {"type": "integer"}},
        "required": ["id"],
        "type": "object",
    }


def test_a_patch_may_leave_out_and_remove():
    whole = {
        "properties": {
            "kind": {"default": "a", "enum": ["a", "b"], "type": "string"},
            "parts": {"items": {"required": ["n"], "type": "object"}, "type": "array"},
            "owner": {"properties": {"name": {"type": "string"}}, "required": ["name"], "type": "object"},
        },
        "required": ["kind"],
        "type": "object",
    }
    assert patch_of(whole) == {
        "properties": {
            "kind": {"enum": ["a", "b", None], "type": ["string", "null"]},
            "parts": {"items": {"required": ["n"], "type": "object"}, "type": ["array", "null"]},
            "owner": {"properties": {"name": {"type": ["string", "null"]}}, "type": ["object", "null"]},
        },
        "type": "object",
    }


@pytest.mark.parametrize("name", SCHEMAS.ids())
def test_translated_schemas_are_of_the_dialect(name):
    schema = translated(SCHEMAS.get(name).raw)
    Draft202012Validator.check_schema(schema)
    Draft202012Validator.check_schema(patch_of(schema))
    assert set(schema["properties"]) == set(SCHEMAS.get(name).raw["properties"])


def test_what_the_translated_schema_accepts_kazoo_accepts_and_what_kazoo_answers_it_accepts():
    check = jsonschema_rs.Draft202012Validator(translated(SCHEMAS.get("connectivity").raw))
    cases = [json.loads(line) for line in (RECORDINGS / "validation_corpus.jsonl").open(encoding="utf-8")]
    refused = [case["data"] for case in cases if case["status"] == 400]
    answered = [case["result"] for case in cases if case["status"] == 201]
    assert len(refused) > 100 and len(answered) > 100
    assert [data for data in refused if check.is_valid(data)] == []
    assert [result for result in answered if not check.is_valid(result)] == []


# The table


def test_every_noun_is_described_and_no_other():
    assert TABLE.keys() == NOUNS.keys()


def words_in(*files):
    """Every word in these sources that could be a segment of a path, and something that is none."""
    words = {SOMETHING}
    for node in itertools.chain.from_iterable(ast.walk(ast.parse(file.read_text("utf-8"))) for file in files):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.fullmatch("[a-z_]+", node.value):
            words.add(node.value)
    return words - NOUNS.keys()


EVERY_WORD = words_in(*ROOT.glob("app/resources/*.py"))


def served(services, noun, params):
    """The verbs that a resource serves with these params."""
    resource = NOUNS[noun]
    context = Context(services, "", method="OPTIONS")
    context.nouns = [(noun, list(params))]
    return set(resource.served_methods(context, *params)) if resource.resource_exists(context, *params) else set()


def described(paths, params):
    """The verbs that the table has for these params: those of the first path with the fewest parameters."""
    fitting = []
    for path, verbs in paths.items():
        parts = path.strip("/").split("/")
        if len(parts) == len(params) and all(
            part.startswith("{") or part == param for part, param in zip(parts, params, strict=True)
        ):
            fitting.append(([part.startswith("{") for part in parts], set(verbs)))
    return min(fitting)[1] if fitting else set()


@pytest.mark.parametrize("noun", sorted(NOUNS))
def test_the_table_has_exactly_what_the_resource_serves(services, noun):
    """With all params that could mean something to a resource."""
    assert len(EVERY_WORD) > 50
    own_words = words_in(Path(inspect.getfile(type(NOUNS[noun]))))
    below = {}
    for path, verbs in TABLE[noun].paths.items():
        own = path.removeprefix("/accounts/{account_id}") if noun != "accounts" else path
        below[own.strip("/").removeprefix(noun).strip("/")] = verbs
    assert set(below.pop("", {})) == served(services, noun, ())
    tried = {(word,) for word in EVERY_WORD} | set(itertools.product(own_words, EVERY_WORD))
    tried |= {
        (SOMETHING, "calls"),
        (SOMETHING, "history"),
        (SOMETHING, "history", SOMETHING),
        (SOMETHING,) * 3,
        (SOMETHING,) * 4,
    }
    for params in tried - {NOT_SERVED.get(noun)}:
        assert described(below, params) == served(services, noun, params), params


def test_paths_are_those_of_the_table_and_their_verbs_too(document):
    in_table = {(verb, path) for noun in TABLE.values() for path, verbs in noun.paths.items() for verb in verbs}
    assert {(verb, path) for verb, path, _ in operations(document)} == in_table


def test_what_settings_turn_on_is_described_where_it_is_on(document, tmp_path):
    without = build(services_with(tmp_path, []))
    gone = document["paths"].keys() - without["paths"].keys()
    trunk = "/accounts/{account_id}/connectivity/{id}"
    assert gone == {f"{trunk}/calls", f"{trunk}/history", f"{trunk}/history/{{revision}}"}
    assert without["paths"].keys() <= document["paths"].keys()


# The document


def test_the_document_is_valid(document):
    validate(document)
    assert document["openapi"] == "3.1.0"
    assert [server["url"] for server in document["servers"]] == ["/v2", "/v1"]


def test_log_ins_and_public_paths_need_no_token(document):
    public = {path for _, path, operation in operations(document) if operation.get("security") == []}
    assert public == {
        "/api_auth",
        "/auth/tokeninfo",
        "/schemas",
        "/schemas/{schema}",
        "/schemas/{schema}/validation",
        "/shared_auth",
        "/user_auth",
        "/whitelabel/{host}",
        "/whitelabel/{host}/icon",
        "/whitelabel/{host}/logo",
        "/whitelabel/{host}/welcome",
    }


def test_a_post_may_name_the_other_verbs_of_its_path(document):
    post = document["paths"]["/accounts/{account_id}/connectivity/{id}"]["post"]
    (verb,) = [one for one in post["parameters"] if one.get("name") == "verb"]
    assert sorted(verb["schema"]["enum"]) == ["DELETE", "GET", "PATCH"]


def test_all_references_lead_somewhere_and_all_components_are_used(document):
    text = json.dumps(document)
    used = set(re.findall(r'"#/components/(\w+)/([\w-]+)"', text))
    present = {(kind, name) for kind, members in document["components"].items() for name in members}
    assert used == {one for one in present if one[0] != "securitySchemes"}


# The examples


def test_the_examples_are_what_the_service_answers(tmp_path):
    assert openapi_examples.record(tmp_path) == examples()


def test_every_operation_that_can_succeed_has_an_example_that_fits_its_schema(document):
    for verb, path, operation in operations(document):
        for status in {"200", "201"} & operation["responses"].keys():
            content = operation["responses"][status]["content"]["application/json"]
            place = ("paths", path, verb.lower(), "responses", status, "content", "application/json", "schema")
            validator(document, *place).validate(content["example"])


def test_every_example_of_a_request_fits_its_schema(document):
    seen = 0
    for verb, path, operation in operations(document):
        content = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if content:
            seen += 1
            place = ("paths", path, verb.lower(), "requestBody", "content", "application/json", "schema")
            validator(document, *place).validate(content["example"])
    assert seen > 10


def test_every_error_has_examples_with_its_status(document):
    for name, response in document["components"]["responses"].items():
        cases = response.get("content", {}).get("application/json", {}).get("examples")
        if cases is None:
            assert name in ("Error304", "Error406", "Error412", "Error415", "Error431")
            continue
        assert cases
        for case in cases.values():
            assert f"Error{case['value']['error']}" == name
            validator(document, "components", "schemas", "Error").validate(case["value"])


def test_examples_hold_no_tokens():
    assert not openapi_examples.TOKEN.search(openapi_examples.FILE.read_text("utf-8"))


def test_operation_ids_are_unique(document):
    ids = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(ids) == len(set(ids))
    assert operation_id("GET", "/accounts/{account_id}/connectivity/{id}") == "get_accounts_connectivity_id"
    assert examples()["operations"].keys() <= set(ids)


# The pages


def text_of(server, method, path, **headers):
    status, headers, body = server(method, path, headers, None)
    return status, headers, body.decode()


def test_the_document_is_served(server, document):
    status, headers, body = text_of(server, "GET", "/openapi.json")
    assert (status, headers["content-type"]) == (200, "application/json")
    assert json.loads(body) == document
    assert text_of(server, "HEAD", "/openapi.json")[::2] == (200, "")


def test_a_page_that_has_not_changed_is_not_sent_again(server):
    tag = text_of(server, "GET", "/openapi.json")[1]["etag"]
    status, _, body = server("GET", "/openapi.json", {"if-none-match": tag}, None)
    assert (status, body) == (304, b"")


def test_pages_are_compressed_for_those_who_take_that(server):
    for path in ("/openapi.json", "/docs/swagger-ui-bundle.js"):
        plain, packed = (server("GET", path, headers, None) for headers in ({}, {"accept-encoding": "gzip"}))
        assert packed[1]["content-encoding"] == "gzip"
        assert gzip.decompress(packed[2]) == plain[2]
        assert packed[1]["etag"] != plain[1]["etag"]
        assert packed[1]["vary"] == plain[1]["vary"] == "accept-encoding"


def test_the_page_has_only_files_of_this_service_and_no_script_of_its_own(server):
    status, headers, page = text_of(server, "GET", "/docs")
    assert status == 200
    policy = dict(rule.strip().split(" ", 1) for rule in headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert (policy["script-src"], policy["connect-src"]) == ("'self'", "'self'")
    assert (policy["style-src"], policy["img-src"]) == ("'self' 'unsafe-inline'", "'self' data:")
    assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert all(not script.strip() for script in re.findall(r"<script[^>]*>(.*?)</script>", page, re.DOTALL))
    assert not re.search(r"\son\w+=|style=", page)
    files = re.findall(r'<(?:link|script)[^>]* (?:src|href)="([^"]+)"', page)
    files += ["docs/mend.js", "console/md5.js", "console/bootstrap.css"]
    assert len(files) == 9
    for file in files:
        status, headers, _ = server("GET", f"/{file}", {}, None)
        assert (status, headers["x-content-type-options"]) == (200, "nosniff"), file


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *((method, path) for method in ("POST", "PUT", "OPTIONS", "DELETE") for path in ("/docs", "/openapi.json")),
        ("GET", "/docs/"),
        ("GET", "//docs"),
        ("GET", "/docs/index.html"),
        ("GET", "/docs/../setup.cfg"),
        ("GET", "/docs/docs.js/"),
        ("GET", "/openapi"),
    ],
)
def test_all_other_paths_and_methods_are_kazoos(server, method, path):
    assert LANDING in text_of(server, method, path)[2]


def test_without_the_console_the_pages_are_kazoos_landing_page(tmp_path):
    server = InProcess(services_with(tmp_path, [], console=False))
    nothing = text_of(server, "GET", "/nothing")
    for path in ("/docs", "/openapi.json", "/docs/docs.js"):
        assert text_of(server, "GET", path) == nothing
    assert LANDING in nothing[2]
