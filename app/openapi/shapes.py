"""The shapes of `data` in answers and requests, as JSON Schema. Further members are allowed."""

from typing import Any

Shape = dict[str, Any]

ANY: Shape = {}
TEXT: Shape = {"type": "string"}
FLAG: Shape = {"type": "boolean"}
WHOLE: Shape = {"type": "integer"}
NUMBER: Shape = {"type": "number"}
OBJECT: Shape = {"type": "object"}
SECONDS: Shape = {"type": "integer", "description": "Gregorian seconds: Unix seconds + 62167219200"}


def record(required: str = "", **members: Shape) -> Shape:
    """An object. `required` lists the members that are always there, separated by spaces."""
    return {"type": "object", "properties": members} | ({"required": required.split()} if required else {})


def listing(item: Shape) -> Shape:
    """An array of items with this shape."""
    return {"type": "array", "items": item}


def mapping(member: Shape) -> Shape:
    """An object whose members all have this shape."""
    return {"type": "object", "additionalProperties": member}


def or_null(shape: Shape) -> Shape:
    """This shape, or null."""
    return {**shape, "type": [shape["type"], "null"]}


def named(name: str) -> Shape:
    """A reference to a schema in `components`: a file in `schemas/`, or its variant for a PATCH."""
    return {"$ref": f"#/components/schemas/{name}"}


def stored(name: str, **members: Shape) -> Shape:
    """A stored document as answers have it: what the schema says, `id` and these further members."""
    return {"allOf": [named(name), record("id", id=TEXT, **members)]}


API_KEY = record("api_key", api_key=TEXT)
CALLFLOW = record("id", id=TEXT)
APP = record("id name label api_url", id=TEXT, name=TEXT, label=TEXT, api_url=TEXT)
LOGIN = record(
    "account_id apps is_master_account is_reseller language",
    account_id=TEXT,
    account_name=TEXT,
    apps=listing(APP),
    capabilities=OBJECT,
    cluster_id=TEXT,
    is_master_account=FLAG,
    is_reseller=FLAG,
    language=TEXT,
    owner_id=TEXT,
    reseller_id=TEXT,
    ui_config=OBJECT,
)
TOKEN = {"allOf": [LOGIN, record("exp iss", exp=WHOLE, iss=TEXT, method=TEXT, identity_sig=TEXT)]}
ABOUT = record(
    "version used_memory processes ports erlang_version",
    version=TEXT,
    used_memory={"type": "integer", "description": "bytes"},
    processes=WHOLE,
    ports=WHOLE,
    erlang_version=TEXT,
)
_ACCOUNT = record(
    "id enabled is_reseller superduper_admin wnm_allow_additions billing_mode",
    id=TEXT,
    is_reseller=FLAG,
    reseller_id=or_null(TEXT),
    superduper_admin=FLAG,
    wnm_allow_additions=FLAG,
    created=or_null(SECONDS),
    billing_mode={"enum": ["limits_only", "normal", "manual"]},
)
ACCOUNT = {"allOf": [named("accounts"), _ACCOUNT]}
ACCOUNTS = listing(record("id", id=TEXT, name=or_null(TEXT), realm=or_null(TEXT)))
TRUNK = stored("connectivity")
DELETED_TRUNK = stored("connectivity", _read_only=record("deleted", deleted={"const": True}))
_WHO = record(
    "account_id user_id ip name",
    account_id=or_null(TEXT),
    user_id=or_null(TEXT),
    ip=or_null(TEXT),
    name={
        "type": ["string", "null"],
        "description": "the user's name, or the account's without a user; null if it is unknown or deleted; `an "
        "operator` if the caller may not see whose account it is",
    },
)
DELETED = record(
    "id name revision when who",
    id=TEXT,
    name=or_null(TEXT),
    revision={**TEXT, "description": "the version that can be put back"},
    when={**SECONDS, "type": ["integer", "null"], "description": "of the deletion, in Gregorian seconds"},
    who=_WHO,
)
VERSION = record(
    "revision verb when who request_id deleted restored patch",
    revision=TEXT,
    verb=or_null(TEXT),
    when=or_null(SECONDS),
    who=_WHO,
    request_id=or_null(TEXT),
    deleted=FLAG,
    restored={"type": ["string", "null"], "description": "the revision that was put back"},
    patch={"type": ["array", "null"], "items": OBJECT, "description": "JSON Patch from the previous version"},
    not_compared={
        **record("message versions", message=TEXT, versions=listing(TEXT)),
        "description": "paths of two versions that differ too much, relative to the account",
    },
)
_STEP = record("text path document_id", text=TEXT, path=TEXT, document_id=TEXT)
OUTCOME = record(
    "route why text document_id target then steps",
    route={**TEXT, "description": "`bridge` (to a PBX), `offnet` (to carriers), `respond`, `hangup`, `ok`, …"},
    why=TEXT,
    text={**TEXT, "description": "what happens, in words"},
    document_id=or_null(TEXT),
    target={**OBJECT, "description": "what is dialled, by Kazoo's names"},
    then={"type": ["object", "null"], "description": "what follows if that fails; it looks the same"},
    steps={**listing(_STEP), "description": "what was looked at; `path` is the member that decided"},
)
FINDINGS: Shape = {
    "type": ["array", "null"],
    "items": record(
        "severity rule message path document_id",
        severity={"enum": ["note", "warning", "error"]},
        rule=TEXT,
        message=TEXT,
        path={**TEXT, "description": "the member, as in `servers.0.auth`"},
        document_id=TEXT,
    ),
    "description": "with `findings=true`, what `audit` finds in the trunk, the worst first; null if the store fails",
}
USER = stored("users")
USER_SUMMARY = record("id features username", id=TEXT, features=listing(TEXT), username=ANY)
CHANGED_USER = {
    "type": "object",
    "properties": {"language": TEXT, "timezone": TEXT, "appList": listing(TEXT), "email": TEXT, "password": TEXT},
    "patternProperties": {"^ui_": ANY},
}
STORE_APP = {"allOf": [APP, record("price published", price=NUMBER, published=FLAG, tags=listing(TEXT))]}
PHONE_NUMBER = stored("phone_numbers", state=TEXT, used_by=TEXT, features=listing(TEXT), _read_only=OBJECT)
NUMBER_OWNER = record("account_id number", account_id=TEXT, number=TEXT)
PHONE_NUMBERS = record(
    "numbers cascade_quantity",
    numbers=mapping(record(state=TEXT, assigned_to=TEXT, used_by=TEXT, features=listing(TEXT))),
    cascade_quantity=WHOLE,
)
CARRIERS = record(
    "maximal_prefix_length usable_carriers usable_creation_states",
    maximal_prefix_length=WHOLE,
    usable_carriers=listing(TEXT),
    usable_creation_states=listing(TEXT),
)
CLASS = record("friendly_name", regex=TEXT, friendly_name=TEXT, pretty_print=TEXT, emergency=FLAG)
CLASSIFIED = record("number e164", number=TEXT, e164=TEXT, name=TEXT, friendly_name=TEXT)
LIMITS = record("id twoway_trunks", id=TEXT, twoway_trunks=WHOLE, inbound_trunks=WHOLE, outbound_trunks=WHOLE)
AMOUNT = record("amount", amount=NUMBER)
LEDGER = record("amount usage", amount=NUMBER, usage=record("quantity", quantity=NUMBER))
CREDITS = record("amount billing_account_id", amount=NUMBER, billing_account_id=TEXT)
SERVICES = record("plans quantities status", plans=OBJECT, quantities=OBJECT, status=OBJECT, invoices=listing(ANY))
SHARED_LOGIN = record("shared_token account_id", shared_token=TEXT, account_id=TEXT, realm=TEXT)
UI_MEMBERS = {
    "type": "object",
    "properties": {"caller_id_options": OBJECT, "contact": OBJECT, "language": TEXT, "timezone": TEXT},
    "patternProperties": {"^ui_": ANY},
}
FOUND = listing(record("id", id=TEXT, name=ANY, realm=ANY, descendants_count=NUMBER))
