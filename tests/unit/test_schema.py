"""Validation, defaults and coercion (docs/kazoo/http.md, section 8)."""

import hashlib
import json

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from app.documents.fields import public
from app.kazoo.integers import to_integer
from app.schema import Invalid, Schema, Schemas, UnknownSchema
from app.schema.keywords import UnsupportedKeyword, is_defined
from tests.counting import calls
from tests.recordings import corpus
from tests.support import RECORDINGS

SCHEMAS = Schemas()
CONNECTIVITY = SCHEMAS.get("connectivity")


def errors(data, schema=CONNECTIVITY):
    with pytest.raises(Invalid) as refused:
        schema.validate(data)
    return refused.value.errors


def identical(a, b):
    """Equal JSON, where 1 and 1.0 and true are three things and the order of members counts."""
    return json.dumps(a) == json.dumps(b)


def test_every_case_of_the_recorded_corpus():
    """Order included, which the corpus's own program does not look at."""
    cases = list(corpus.cases(RECORDINGS / "validation_corpus.jsonl"))
    assert len(cases) == 1200
    for case in cases:
        try:
            result = (201, CONNECTIVITY.validate(public(case["data"])))
        except Invalid as refused:
            result = (400, refused.errors)
        assert identical(result, (case["status"], case["result"]))


def test_defaults_fill_what_is_there_and_create_no_parent():
    assert CONNECTIVITY.validate({}) == {"servers": []}
    assert identical(
        CONNECTIVITY.validate({"servers": [{"auth": {}, "options": {"enabled": "false", "port": "5060"}}]}),
        {
            "servers": [
                {
                    "auth": {"auth_method": "password"},
                    "options": {
                        "enabled": False,
                        "port": 5060,
                        "delay": 0,
                        "force_outbound": False,
                        "hunt_non_reconcilable": False,
                        "inbound_format": "npan",
                        "media_handling": "bypass",
                    },
                }
            ]
        },
    )
    dids = {"+14155551234": {}, "abc": {"force_outbound": "x"}, "": {}, "12\n": {}, "\u0661": {}, "+": {}}
    validated = CONNECTIVITY.validate({"servers": [{"auth": {}, "DIDs": dids}]})["servers"][0]["DIDs"]
    assert [name for name in validated if validated[name] == {"force_outbound": False}] == [
        "+14155551234",
        "",
        "12\n",
        "+",
    ]


def test_a_default_is_not_shared_between_documents():
    CONNECTIVITY.validate({})["servers"].append("x")
    assert CONNECTIVITY.validate({}) == {"servers": []}


def test_several_errors_in_traversal_order():
    found = errors(
        {
            "name": 1,
            "account": {"trunks": "x"},
            "servers": [
                {"options": {"inbound_format": "zz", "progress_timeout": 0}},
                {"auth": {"auth_method": "zz", "auth_user": ""}},
            ],
        }
    )
    assert [(path, *keywords) for path, keywords in found.items()] == [
        ("account.trunks", "type"),
        ("name", "type"),
        ("servers.0.options.inbound_format", "enum"),
        ("servers.0.options.progress_timeout", "minimum"),
        ("servers.0.auth", "required"),
        ("servers.1.auth.auth_method", "enum"),
        ("servers.1.auth.auth_user", "minLength"),
    ]


def test_the_later_error_on_a_path_replaces_the_earlier():
    assert list(errors({"servers": [{"auth": {"auth_method": 5}}]})["servers.0.auth.auth_method"]) == ["type"]


@pytest.mark.parametrize("value", [None, "x", [], {}, True, "5.", " 5", "1e3", "0x1", "1_0", "", "١"])
def test_no_integer(value):
    found = errors({"account": {"trunks": value}})
    assert identical(
        found["account.trunks"],
        {"type": {"message": "Value did not match type(s): integer", "target": "integer", "value": value}},
    )


@pytest.mark.parametrize(
    ("value", "integer"),
    [
        (1.0, 1),
        (1.6, 2),
        (2.5, 3),
        (0.4, 0),
        ("5", 5),
        ("+5", 5),
        ("007", 7),
        ("5.5", 6),
        ("1.0e3", 1000),
        (10**30, 10**30),
        ("1" * 100, int("1" * 100)),
    ],
)
def test_coerced_integers(value, integer):
    assert identical(CONNECTIVITY.validate({"account": {"trunks": value}})["account"], {"trunks": integer})


def test_rounding_is_away_from_zero():
    assert [to_integer(value) for value in (-0.5, -1.5, -2.5, 0.5, -0.4, "-1.5")] == [-1, -2, -3, 1, 0, -2]
    assert to_integer("1.0e999") is None and to_integer("9" * 5000) is None


def test_what_coercion_brings_to_light():
    assert errors({"account": {"trunks": "-5"}})["account.trunks"]["minimum"]["value"] == -5
    assert errors({"account": {"trunks": -1.5}})["account.trunks"]["minimum"]["value"] == -2


def test_strict_validation_coerces_nothing():
    with pytest.raises(Invalid):
        CONNECTIVITY.validate({"account": {"trunks": "5"}}, coercing=False)


def test_lengths_count_code_points():
    CONNECTIVITY.validate({"account": {"caller_id": {"cid_name": "é" * 35}}})
    assert "maxLength" in errors({"account": {"caller_id": {"cid_name": "é" * 36}}})["account.caller_id.cid_name"]


def test_unknown_members_pass_untouched():
    data = {"x": {"_y": None, "pvt_z": [1.0]}, "servers": [{"auth": {}, "": False, "weird": [[]]}]}
    validated = CONNECTIVITY.validate(json.loads(json.dumps(data)))
    assert identical(validated["x"], data["x"]) and validated["servers"][0]["weird"] == [[]]


def test_login_schemas():
    api_auth = SCHEMAS.get("api_auth")
    assert api_auth.validate({"api_key": "0" * 64}) == {"api_key": "0" * 64}
    data = {"api_key": "0" * 64, "x.y": 1}
    assert errors(data, api_auth) == {
        "x%2Ey": {
            "additionalProperties": {
                "message": "Strict checking of data is enabled; only include schema-defined properties",
                "value": data,
            }
        }
    }
    user_auth = SCHEMAS.get("user_auth")
    assert user_auth.validate({"credentials": "x"})["method"] == "md5"
    assert list(errors({"credentials": "x", "account_realm": "bad realm"}, user_auth)) == ["account_realm"]


SHAPES = """{
  "type": "object",
  "required": ["must"],
  "additionalProperties": false,
  "patternProperties": {"^x[0-9]$": {"type": "integer", "maximum": 5}, "^y": {"enum": [1, "1", true]}},
  "properties": {
    "must": {"type": ["string", "null"], "minLength": 2, "maxLength": 3, "pattern": "^[a-z]+$"},
    "count": {"type": "number", "minimum": 1.5, "maximum": 3},
    "list": {"type": "array", "items": {"type": "boolean"}, "default": []},
    "deep": {"type": "object", "default": {"a": 1}, "properties": {"a": {"type": "integer", "default": 7}}},
    "wrong_default": {"type": "string", "default": 5},
    "any": {"minimum": 2, "minLength": 2, "properties": {"a": {"type": "null"}}}
  }
}"""


@pytest.mark.parametrize(
    ("data", "path", "keyword", "members"),
    [
        ({}, "must", "required", {"message": "Field is required but missing", "value": "must"}),
        (
            {"must": "a"},
            "must",
            "minLength",
            {"message": "String must be at least 2 characters", "target": 2, "cause": "a", "value": "a"},
        ),
        (
            {"must": "abcd"},
            "must",
            "maxLength",
            {"message": "String must not be more than 3 characters", "target": 3, "cause": "abcd", "value": "abcd"},
        ),
        (
            {"must": "A1"},
            "must",
            "pattern",
            {"message": "Failed to match pattern '^[a-z]+$'", "target": "^[a-z]+$", "value": "A1"},
        ),
        (
            {"must": []},
            "must",
            "type",
            {"message": "Value did not match type(s): string, null", "target": "string, null", "value": []},
        ),
        (
            {"must": None, "count": 1},
            "count",
            "minimum",
            {"message": "Value must be at least 1.5", "target": 1.5, "value": 1},
        ),
        (
            {"must": None, "count": 3.5},
            "count",
            "maximum",
            {"message": "Value must be at most 3", "target": 3, "value": 3.5},
        ),
        (
            {"must": None, "count": True},
            "count",
            "type",
            {"message": "Value did not match type(s): number", "target": "number", "value": True},
        ),
        (
            {"must": None, "list": [True, 1]},
            "list.1",
            "type",
            {"message": "Value did not match type(s): boolean", "target": "boolean", "value": 1},
        ),
        (
            {"must": None, "x1": 6},
            "x1",
            "maximum",
            {"message": "Value must be at most 5", "target": 5, "value": 6},
        ),
        (
            {"must": None, "y.z": 2},
            "y%2Ez",
            "enum",
            {"message": "Value not found in enumerated list of values", "target": [1, "1", True], "value": 2},
        ),
        (
            {"must": None, "deep": {"a": "x"}},
            "deep.a",
            "type",
            {"message": "Value did not match type(s): integer", "target": "integer", "value": "x"},
        ),
        (
            {"must": None, "any": {"a": 1}},
            "any.a",
            "type",
            {"message": "Value did not match type(s): null", "target": "null", "value": 1},
        ),
        (
            {"must": None, "any": 1},
            "any",
            "minimum",
            {"message": "Value must be at least 2", "target": 2, "value": 1},
        ),
        (
            {"must": None, "any": "x"},
            "any",
            "minLength",
            {"message": "String must be at least 2 characters", "target": 2, "cause": "x", "value": "x"},
        ),
    ],
)
def test_the_shape_of_each_error(data, path, keyword, members):
    assert identical(errors(data, Schema(SHAPES)), {path: {keyword: members}})


def test_a_member_too_many_shows_the_whole_object():
    data = {"must": None, "z": 1, "x12": 2}
    found = errors(data, Schema(SHAPES))
    assert list(found) == ["z", "x12"]
    message = "Strict checking of data is enabled; only include schema-defined properties"
    whole = {"must": None, "z": 1, "x12": 2, "list": [], "deep": {"a": 1}}
    assert found["z"] == found["x12"] == {"additionalProperties": {"message": message, "value": whole}}


@pytest.mark.parametrize("must", [None, "ab", "abc"])
def test_what_all_keywords_let_pass(must):
    data = {"must": must, "count": 3, "list": [True, False], "x0": 5, "y": 1, "y1": "1", "y2": True, "any": []}
    validated = Schema(SHAPES).validate(json.loads(json.dumps(data)))
    assert identical(validated, {**data, "deep": {"a": 1}})
    assert Schema(SHAPES).validate({"must": None, "count": 1.5})["count"] == 1.5
    assert Schema(SHAPES).validate({"must": None, "any": {"a": None, "b": 1}})["any"] == {"a": None, "b": 1}


def test_defaults_that_fit_their_type_are_set_and_their_own_defaults_are_not_asked():
    schema = Schema(SHAPES)
    validated = schema.validate({"must": None})
    assert validated == {"must": None, "list": [], "deep": {"a": 1}}
    validated["deep"]["a"] = validated["list"] = 5
    assert schema.validate({"must": None, "deep": {}}) == {"must": None, "list": [], "deep": {"a": 7}}
    assert schema.validate({"must": None}) == {"must": None, "list": [], "deep": {"a": 1}}


def test_defaults_are_set_in_a_document_that_is_refused():
    schema, data = Schema(SHAPES), {"must": "A1", "deep": {}}
    with pytest.raises(Invalid) as refused:
        schema.validate(data)
    assert data == {"must": "A1", "deep": {"a": 7}, "list": []}
    assert refused.value.paths == [("must",)] and str(refused.value) == "must"


def test_no_more_than_a_thousand_errors_are_listed():
    assert "data" not in errors({"servers": [1] * 1000})
    found = errors({"servers": [1] * 1001})
    assert found.pop("data") == {"maxErrors": {"message": "There are more errors than these", "target": 1000}}
    assert list(found) == [f"servers.{index}" for index in range(1000)]


@pytest.mark.parametrize(
    ("stored", "was_stored"),
    [
        ({"a": "x", "b": {}}, True),
        ({"a": "x", "b": {"other": 1}, "more": 2}, True),
        ({"a": "y", "b": {}}, False),
        ({"b": {}}, False),
        ({"a": "x", "b": {"c": 1}}, False),
        ({}, False),
        (None, False),
    ],
)
def test_whether_all_that_is_refused_was_stored_like_this(stored, was_stored):
    """A value of the wrong type, and a member that is missing."""
    data = {"a": "x", "b": {}}
    with pytest.raises(Invalid) as refused:
        Schema('{"properties": {"a": {"type": "integer"}, "b": {"required": ["c"]}}}').validate(data)
    assert refused.value.paths == [("a",), ("b", "c")]
    assert refused.value.was_stored(data, stored) is was_stored


def test_what_was_stored_is_not_looked_for_where_errors_are_not_listed():
    data = {"servers": [1] * 1001}
    with pytest.raises(Invalid) as refused:
        CONNECTIVITY.validate(data)
    assert refused.value.was_stored(data, {"servers": [1] * 1001}) is False


def test_revisions_and_ids_of_schemas():
    text = '{"type": "object"}'
    assert Schema(text).revision == "1-" + hashlib.md5(text.encode()).hexdigest()
    assert SCHEMAS.ids() == sorted(SCHEMAS.ids()) and {"api_auth", "connectivity", "user_auth"} <= set(SCHEMAS.ids())


@pytest.mark.parametrize(
    ("name", "defined"), [("must", True), ("x5", True), ("yes", True), ("x55", False), ("other", False)]
)
def test_what_a_schema_defines(name, defined):
    assert is_defined(name, json.loads(SHAPES)) is defined and not is_defined(name, {})


@pytest.mark.parametrize(
    ("schema", "named"),
    [
        ('{"properties": {"a": {"items": {"format": "date"}}}}', "format"),
        ('{"patternProperties": {"a": {"oneOf": [], "anyOf": []}}}', "anyOf, oneOf"),
        ('{"additionalProperties": {"type": "string"}}', "additionalProperties as a schema"),
    ],
)
def test_a_keyword_that_nobody_wrote_down_is_refused_wherever_it_stands(schema, named):
    with pytest.raises(UnsupportedKeyword, match=f"^{named}$"):
        Schema(schema)


def test_an_unknown_schema_and_an_unknown_keyword():
    with pytest.raises(UnknownSchema):
        SCHEMAS.get("nope")
    with pytest.raises(UnsupportedKeyword):
        Schema('{"properties": {"a": {"multipleOf": 2}}}')


@pytest.mark.parametrize("text", ['{"multipleOf": 2}', "{"])
def test_a_file_that_is_no_schema_is_named(tmp_path, text):
    (tmp_path / "broken.json").write_text(text)
    with pytest.raises(ValueError) as refusal:
        Schemas(tmp_path)
    assert refusal.value.__notes__ == [f"in {tmp_path / 'broken.json'}"]


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=40),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "name",
                    "account",
                    "trunks",
                    "servers",
                    "auth",
                    "auth_method",
                    "DIDs",
                    "+1",
                    "options",
                    "port",
                    "enabled",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=25,
)


VALUES = st.sampled_from(
    ["npan", "e164", "password", "IP", "5060", "true", "x", "x" * 36, "", 0, 1, -1, 3.0, True, None]
)
PAIRS = st.fixed_dictionaries({}, optional={"cid_name": VALUES, "cid_number": VALUES})
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "inbound_format": VALUES,
        "port": VALUES,
        "enabled": VALUES,
        "progress_timeout": VALUES,
        "caller_id": PAIRS,
    },
)
DIDS = st.dictionaries(st.sampled_from(["+1415", "abc", ""]), PAIRS.map(lambda pairs: {"caller_id": pairs}))
AUTH = st.fixed_dictionaries({}, optional={"auth_method": VALUES, "auth_user": VALUES, "port": VALUES})
SERVER = st.fixed_dictionaries({"auth": AUTH}, optional={"options": OPTIONS, "DIDs": DIDS})
LIKELY = st.fixed_dictionaries({"servers": st.lists(SERVER, min_size=1, max_size=2)}, optional={"name": VALUES})


@given(LIKELY | st.dictionaries(st.sampled_from(["name", "account", "servers", "x"]), JSON))
@settings(max_examples=250, suppress_health_check=[HealthCheck.too_slow])
def test_what_is_accepted_is_accepted_again_unchanged(data):
    try:
        first = CONNECTIVITY.validate(data)
    except Invalid as refused:
        assert refused.errors
        return
    event("with servers" if data.get("servers") else "without servers")
    again = CONNECTIVITY.validate(json.loads(json.dumps(first)))
    assert identical(first, again)


def test_the_work_grows_with_the_document_and_no_faster():
    def work(count):
        server = {"auth": {"auth_method": "x"}, "DIDs": {f"+1415555{n:04}": {"force_outbound": 3} for n in range(10)}}
        data = json.loads(json.dumps({"servers": [server] * count}))

        def refuse():
            with pytest.raises(Invalid):
                CONNECTIVITY.validate(data)

        return calls(refuse)

    # The first one also fills caches.
    work(2)
    assert work(80) < 2.2 * work(40)
    # Beyond 1,000 errors, no more are looked for.
    assert work(400) < 1.5 * work(200)
