"""The parameters in paths, queries and headers, by the names that `table.py` and `components` use."""

from typing import Any

from app.openapi.shapes import FLAG, TEXT, WHOLE, Shape

Parameter = dict[str, Any]
_TAGS = {"type": "string", "pattern": r'^(\*|(W/)?"[^"]*"(,[ \t]*(W/)?"[^"]*")*)$'}
_SEARCHED = ["account", "user", "callflow", "device"]
_QUERIES = ["name", "realm", "id", "number", "name_and_number"]
_SECONDS = "Gregorian seconds: Unix seconds + 62167219200"


def _path(name: str, description: str, schema: Shape = TEXT) -> Parameter:
    schema = {"minLength": 1, **schema} if "enum" not in schema else schema
    return {"name": name, "in": "path", "required": True, "description": description, "schema": schema}


def _query(name: str, description: str, schema: Shape = TEXT) -> Parameter:
    return {"name": name, "in": "query", "description": description, "schema": schema}


def _header(name: str, description: str, schema: Shape) -> Parameter:
    return {"name": name, "in": "header", "description": description, "schema": schema}


def parameters(schemas: list[str]) -> dict[str, Parameter]:
    """All parameters. `schemas` are the names of the files in `schemas/`."""
    path = [
        _path("account_id", "the account, 32 hex digits", {"type": "string", "minLength": 32, "maxLength": 32}),
        _path("id", "the trunk's id", {"type": "string", "maxLength": 255}),
        _path("revision", "a revision from the trunk's history"),
        _path("app_id", "an application"),
        _path("ledger", "the name of a ledger"),
        _path("number", "a number, with `+` as `%2B`"),
        _path("schema", "the name of a schema", {**TEXT, "examples": schemas}),
        _path("user_id", "a user's id"),
        _path("alert_id", "an alert's id"),
        _path("callflow_id", "a callflow's id"),
        _path("token", "a token"),
        _path("host", "the host of a UI"),
    ]
    query = [
        _query("page_size", "how many items a page has; by default the operator's setting, or 50", WHOLE),
        _query(
            "start_key", "where the page begins: the previous page's `next_start_key`", {**TEXT, "maxLength": 4096}
        ),
        _query("paginate", "`false`: all items on one page", FLAG),
        _query("has_key", "only documents that have a member at this dotted path"),
        _query("key_missing", "only documents that have no member at this dotted path"),
        _query("has_value", "only documents whose value at this dotted path is not empty"),
        _query("value_missing", "only documents whose value at this dotted path is missing or empty"),
        _query("created_from", _SECONDS, WHOLE),
        _query("created_to", _SECONDS, WHOLE),
        _query("modified_from", _SECONDS, WHOLE),
        _query("modified_to", _SECONDS, WHOLE),
        _query("should_soft_delete", "`false`: the document is removed for good", FLAG),
        {**_query("t", "the type of the documents", {**TEXT, "enum": _SEARCHED}), "required": True},
        {**_query("q", "what to search; an operator may add more", {**TEXT, "enum": _QUERIES}), "required": True},
        {**_query("v", "what the member begins with; only letters and digits count"), "required": True},
        _query("by_name", "what the name begins with"),
        _query("by_realm", "what the realm begins with"),
        _query("by_id", "what the id begins with"),
        _query("to", "a number that is called, with `+` as `%2B`"),
        _query("from", "the user name of a PBX that calls `to`"),
        _query("register", "the user name of a PBX that registers"),
        _query("realm", "the realm of `from` or `register`, if it is not the account's"),
        _query("cid_name", "the caller's name"),
        _query("cid_number", "the caller's number"),
        _query("from_account", "the account that a call to a number comes from, if it is one of this Kazoo"),
        _query("findings", "`true`: the envelope also has `findings`, what may go wrong with the trunk", FLAG),
        _query("deleted", "`true`: the deleted trunks, if the setting `HISTORY` is on", FLAG),
        _query("prefix", "the first digits of the numbers to buy"),
        {**_query("token", "the token to look up"), "required": True},
        _query("pretty_print", "`true`: the answer is indented, as with the header `X-Pretty-Print`", FLAG),
    ]
    filters = _query(
        "filters",
        "`filter_PATH=VALUE` keeps the documents with this value at the dotted path, `filter_not_PATH=VALUE` those "
        "without it. A document must pass all filters.",
        {"type": "object", "propertyNames": {"pattern": "^filter_"}, "additionalProperties": TEXT},
    )
    by_name = {parameter["name"]: parameter for parameter in path}
    by_name |= {f"query_{parameter['name']}": parameter for parameter in query}
    return by_name | {
        "query_filters": {**filters, "style": "form", "explode": True, "example": {}},
        "if_match": _header("If-Match", "only if the document has one of these revisions", _TAGS),
        "if_none_match": _header("If-None-Match", "only if the document has none of these revisions", _TAGS),
    }


def named(name: str) -> Parameter:
    """A reference to a parameter in `components`."""
    return {"$ref": f"#/components/parameters/{name}"}


def verb(others: list[str]) -> Parameter:
    """The parameter with which a POST stands for another verb of its path."""
    text = "do what this verb would, for clients that can only send POSTs"
    return _query("verb", text, {"type": "string", "enum": others})
