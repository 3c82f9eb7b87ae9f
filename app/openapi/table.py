"""The table of everything that the API serves: a description of each noun and path, and the shape of each answer.

A test checks that it has exactly the nouns, paths and verbs of the resources.
"""

from dataclasses import dataclass

from app.openapi import shapes
from app.openapi.shapes import Shape, listing, mapping, named, record

ACCOUNT_PATH = "/accounts/{account_id}"
PAGING = ("page_size", "start_key", "paginate")
FILTERS = (
    "filters",
    "has_key",
    "key_missing",
    "has_value",
    "value_missing",
    "created_from",
    "created_to",
    "modified_from",
    "modified_to",
)
LIST = PAGING + FILTERS
FINDINGS = ("findings",)


@dataclass(frozen=True)
class Operation:
    """One verb on one path.

    `data` is the shape of `data` in the answer, or None if there is no `data`. `body` is the shape of `data` in the
    request. `status` is the status of success, or None if the operation never succeeds. `query` names parameters.
    `errors` has the error statuses that do not follow from the path and verb.
    """

    summary: str
    data: Shape | None = None
    text: str = ""
    body: Shape | None = None
    status: int | None = 200
    query: tuple[str, ...] = ()
    errors: tuple[int, ...] = ()


@dataclass(frozen=True)
class Noun:
    """A noun: its description, and its operations by path (without the version) and verb."""

    text: str
    paths: dict[str, dict[str, Operation]]


def _left_to_kazoo(summary: str) -> Operation:
    return Operation(summary, text="Not supported here: always a 409.", status=None, errors=(409,))


_ABOUT = Operation("Facts about this process", shapes.ABOUT)
_NO_BRAND = Operation("The branding of a host", text="No host has branding here: always a 404.", status=None)
_ONLY_FOR_UIS = "A change to any other member gets a 403: only Kazoo may change those."
_NUMBER_CHANGE = (
    "Anything that needs a carrier or a provider (`e911`, `carrier_name`, `cnam` at a provider) gets a 409, and is "
    "not stored."
)

_SEARCHES = {
    "/search": {
        "GET": Operation(
            "Search once",
            shapes.FOUND,
            "In ascending order. `q` is one of `name`, `realm` and `id` for accounts, and of `name`, `number` and "
            "`name_and_number` for others.",
            query=(*PAGING, "t", "q", "v"),
        )
    },
    "/search/multi": {
        "GET": Operation(
            "Search several times at once",
            mapping(shapes.FOUND),
            "By `by_name`, `by_realm` and so on. The answer has a list for each.",
            query=("t", "by_name", "by_realm", "by_id"),
        )
    },
}

TABLE: dict[str, Noun] = {
    "about": Noun(
        "The process that answers. Without an account in the path, only superduper admins may ask.",
        {"/about": {"GET": _ABOUT}, f"{ACCOUNT_PATH}/about": {"GET": _ABOUT}},
    ),
    "accounts": Noun(
        "The account document, and the accounts around an account.",
        {
            ACCOUNT_PATH: {
                "GET": Operation("An account", shapes.ACCOUNT),
                "POST": Operation(
                    "Replace what UIs keep in an account",
                    shapes.ACCOUNT,
                    _ONLY_FOR_UIS,
                    shapes.UI_MEMBERS,
                ),
                "PATCH": Operation(
                    "Change what UIs keep in an account", shapes.ACCOUNT, _ONLY_FOR_UIS, shapes.UI_MEMBERS
                ),
            },
            f"{ACCOUNT_PATH}/children": {
                "GET": Operation("The accounts directly below it", shapes.ACCOUNTS, query=LIST)
            },
            f"{ACCOUNT_PATH}/descendants": {"GET": Operation("All accounts below it", shapes.ACCOUNTS, query=LIST)},
            f"{ACCOUNT_PATH}/siblings": {
                "GET": Operation("The accounts next to it, and itself", shapes.ACCOUNTS, query=LIST)
            },
            f"{ACCOUNT_PATH}/parents": {
                "GET": Operation("The accounts above it, up to the caller's", shapes.ACCOUNTS)
            },
            f"{ACCOUNT_PATH}/api_key": {"GET": Operation("Its API key, for admins", shapes.API_KEY)},
            f"{ACCOUNT_PATH}/tree": {"GET": Operation("The same as `parents`", shapes.ACCOUNTS)},
        },
    ),
    "alerts": Noun(
        "System alerts. Kazoo's applications raise them; this service has none.",
        {
            f"{ACCOUNT_PATH}/alerts": {"GET": Operation("No alerts", listing(shapes.OBJECT))},
            f"{ACCOUNT_PATH}/alerts/{{alert_id}}": {
                "GET": Operation("An alert", text="There is none: always a 404.", status=None)
            },
        },
    ),
    "api_auth": Noun(
        "Logging in with an account's API key.",
        {
            "/api_auth": {
                "PUT": Operation(
                    "Log in with an API key",
                    shapes.LOGIN,
                    "The token is `auth_token` in the envelope. On this page, Authorize picks it up at once.",
                    named("api_auth"),
                    201,
                    errors=(401, 404),
                )
            }
        },
    ),
    "apps_store": Noun(
        "The applications that a UI offers: the PBX Connector, if the operator has set its address.",
        {
            f"{ACCOUNT_PATH}/apps_store": {"GET": Operation("The applications", listing(shapes.STORE_APP))},
            f"{ACCOUNT_PATH}/apps_store/{{app_id}}": {"GET": Operation("An application", shapes.STORE_APP)},
        },
    ),
    "auth": Noun(
        "Information about tokens, for UIs.",
        {
            "/auth/tokeninfo": {
                "GET": Operation(
                    "The account and user of a token", shapes.LOGIN, query=("token",), errors=(401, 404)
                ),
                "POST": Operation(
                    "The account and user of a token", shapes.LOGIN, body=record(token=shapes.TEXT), errors=(401, 404)
                ),
            }
        },
    ),
    "braintree": Noun(
        "A credit. The old kazoo-ui waits for it when it starts.",
        {f"{ACCOUNT_PATH}/braintree/credits": {"GET": Operation("A credit of 0", shapes.CREDITS)}},
    ),
    "callflows": Noun(
        "Callflows, for lists in UIs.",
        {
            f"{ACCOUNT_PATH}/callflows": {
                "GET": Operation("Summaries of callflows", listing(shapes.OBJECT), query=LIST)
            },
            f"{ACCOUNT_PATH}/callflows/{{callflow_id}}": {"GET": Operation("A callflow", shapes.CALLFLOW)},
        },
    ),
    "connectivity": Noun(
        "Trunks: which PBXs of an account may send and receive calls, and which numbers ring there.",
        {
            f"{ACCOUNT_PATH}/connectivity": {
                "GET": Operation(
                    "The ids of the trunks",
                    {"anyOf": [listing(shapes.TEXT), listing(shapes.DELETED)]},
                    "In descending order. With `deleted=true` and the setting `HISTORY`, the trunks that were "
                    "deleted and can be put back, the latest deletion first; filters have no effect then.",
                    query=(*LIST, "deleted"),
                ),
                "PUT": Operation(
                    "Create a trunk",
                    shapes.TRUNK,
                    "`id` in the data sets the trunk's id; the default is a new id. `location` is the trunk's path.",
                    named("connectivity"),
                    201,
                    FINDINGS,
                ),
            },
            f"{ACCOUNT_PATH}/connectivity/{{id}}": {
                "GET": Operation("A trunk", shapes.TRUNK, query=FINDINGS),
                "POST": Operation("Replace a trunk", shapes.TRUNK, body=named("connectivity"), query=FINDINGS),
                "PATCH": Operation(
                    "Change a trunk",
                    shapes.TRUNK,
                    "The data is merged into the stored document, and the result is validated. `null` removes a "
                    "member. Arrays are replaced as a whole.",
                    named("connectivity_patch"),
                    query=FINDINGS,
                ),
                "DELETE": Operation(
                    "Delete a trunk",
                    shapes.DELETED_TRUNK,
                    "The answer is the document as it was.",
                    query=("should_soft_delete",),
                ),
            },
            f"{ACCOUNT_PATH}/connectivity/{{id}}/history": {
                "GET": Operation(
                    "The versions of a trunk",
                    listing(shapes.VERSION),
                    "Newest first. Kazoo does not have this. It exists if the setting `HISTORY` is on.",
                    query=PAGING,
                )
            },
            f"{ACCOUNT_PATH}/connectivity/{{id}}/history/{{revision}}": {
                "GET": Operation("A version of a trunk", shapes.TRUNK),
                "POST": Operation(
                    "Put a version back",
                    shapes.TRUNK,
                    "This works even if the trunk was deleted. `data` may be empty.",
                    shapes.OBJECT,
                ),
            },
            f"{ACCOUNT_PATH}/connectivity/{{id}}/calls": {
                "GET": Operation(
                    "Where a call goes, or whether a PBX may register",
                    shapes.OUTCOME,
                    "Ask with `to`, with `from` and `to`, or with `register`. All trunks of the account count; of "
                    "numbers of other accounts the answer only says that they are not of this one. Kazoo does not "
                    "have this. It exists if the setting `EXPLAIN` is on.",
                    query=("to", "from", "register", "realm", "cid_name", "cid_number", "from_account"),
                )
            },
        },
    ),
    "ledgers": Noun(
        "What an account owes: nothing, because this service does not bill.",
        {
            f"{ACCOUNT_PATH}/ledgers": {
                "GET": Operation("The sum of each ledger", mapping(shapes.LEDGER), query=PAGING)
            },
            f"{ACCOUNT_PATH}/ledgers/total": {"GET": Operation("The sum of all ledgers", shapes.AMOUNT)},
            f"{ACCOUNT_PATH}/ledgers/{{ledger}}": {
                "GET": Operation("The entries of a ledger: none", listing(shapes.OBJECT))
            },
        },
    ),
    "limits": Noun(
        "How many calls an account may have. Only Kazoo changes the limits.",
        {f"{ACCOUNT_PATH}/limits": {"GET": Operation("The limits", shapes.LIMITS)}},
    ),
    "phone_numbers": Noun(
        "The numbers of an account and their features. Only Kazoo buys, ports and searches numbers. Under `/v1` a "
        "number has no PATCH.",
        {
            f"{ACCOUNT_PATH}/phone_numbers": {
                "GET": Operation(
                    "The numbers",
                    {"oneOf": [shapes.PHONE_NUMBERS, listing(shapes.OBJECT)]},
                    "`prefix` searches for numbers to buy. There are none, so `data` is then an empty array.",
                    query=(*LIST, "prefix"),
                )
            },
            f"{ACCOUNT_PATH}/phone_numbers/carriers_info": {
                "GET": Operation("The available carriers", shapes.CARRIERS)
            },
            f"{ACCOUNT_PATH}/phone_numbers/classifiers": {
                "GET": Operation("The classes of numbers", mapping(shapes.CLASS))
            },
            f"{ACCOUNT_PATH}/phone_numbers/classifiers/{{number}}": {
                "GET": Operation("The class of a number", shapes.CLASSIFIED)
            },
            f"{ACCOUNT_PATH}/phone_numbers/{{number}}": {
                "GET": Operation("A number", shapes.PHONE_NUMBER),
                "POST": Operation(
                    "Replace the features of a number",
                    shapes.PHONE_NUMBER,
                    _NUMBER_CHANGE,
                    named("phone_numbers"),
                ),
                "PATCH": Operation(
                    "Change features of a number",
                    shapes.PHONE_NUMBER,
                    _NUMBER_CHANGE,
                    named("phone_numbers_patch"),
                ),
                "DELETE": Operation("Release a spare local number", shapes.PHONE_NUMBER),
                "PUT": _left_to_kazoo("Buy a number"),
            },
            f"{ACCOUNT_PATH}/phone_numbers/{{number}}/activate": {"PUT": _left_to_kazoo("Buy a number")},
            f"{ACCOUNT_PATH}/phone_numbers/{{number}}/reserve": {"PUT": _left_to_kazoo("Reserve a number")},
            f"{ACCOUNT_PATH}/phone_numbers/{{number}}/port": {"PUT": _left_to_kazoo("Port a number")},
            f"{ACCOUNT_PATH}/phone_numbers/{{number}}/identify": {
                "GET": Operation("The account that owns a number", shapes.NUMBER_OWNER)
            },
            f"{ACCOUNT_PATH}/phone_numbers/prefix": {"GET": _left_to_kazoo("Numbers to buy, by prefix")},
            f"{ACCOUNT_PATH}/phone_numbers/locality": {"POST": _left_to_kazoo("Where numbers are")},
            f"{ACCOUNT_PATH}/phone_numbers/check": {"POST": _left_to_kazoo("Which numbers can be bought")},
            f"{ACCOUNT_PATH}/phone_numbers/collection": {
                "PUT": _left_to_kazoo("Buy numbers"),
                "POST": _left_to_kazoo("Replace numbers"),
                "PATCH": _left_to_kazoo("Change numbers"),
                "DELETE": _left_to_kazoo("Release numbers"),
            },
            f"{ACCOUNT_PATH}/phone_numbers/fix": {"POST": _left_to_kazoo("Repair the numbers")},
            f"{ACCOUNT_PATH}/phone_numbers/fix/{{number}}": {
                "POST": Operation(
                    "Write a number's copy in the account's database again",
                    shapes.OBJECT,
                    "Nothing happens if the account has no such number.",
                    shapes.OBJECT,
                )
            },
        },
    ),
    "schemas": Noun(
        "The JSON schemas, which anyone may read. They are in draft 4, as in Kazoo. Beside a Kazoo, those of its "
        "other nouns are here too, but validate nothing (501).",
        {
            "/schemas": {"GET": Operation("The names of the schemas", listing(shapes.TEXT))},
            "/schemas/{schema}": {"GET": Operation("A schema", record("id", id=shapes.TEXT))},
            "/schemas/{schema}/validation": {
                "PUT": Operation(
                    "Validate data",
                    shapes.OBJECT,
                    "The answer is the data with the schema's defaults. Nothing is stored.",
                    shapes.OBJECT,
                    201,
                    errors=(501,),
                )
            },
        },
    ),
    "search": Noun(
        "Searches by the beginning of names. Accounts are searched below the token's account, everything else in the "
        "path's account, or else in the token's.",
        {f"{prefix}{path}": operations for prefix in ("", ACCOUNT_PATH) for path, operations in _SEARCHES.items()},
    ),
    "services": Noun(
        "What an account uses. There are no plans, because this service does not bill.",
        {
            f"{ACCOUNT_PATH}/services": {"GET": Operation("No plans", shapes.OBJECT)},
            f"{ACCOUNT_PATH}/services/summary": {"GET": Operation("How much an account uses", shapes.SERVICES)},
        },
    ),
    "shared_auth": Noun(
        "Logging in with a token from another address of the same cluster, for the old kazoo-ui.",
        {
            "/shared_auth": {
                "PUT": Operation(
                    "Log in with a token",
                    shapes.LOGIN,
                    "Without `shared_token`, the answer is a 404.",
                    shapes.SHARED_LOGIN,
                    201,
                    errors=(401, 404),
                )
            }
        },
    ),
    "token_auth": Noun(
        "The token of the request.",
        {
            "/token_auth": {
                "GET": Operation("The claims of the token", shapes.TOKEN),
                "DELETE": Operation("Log out", text="As in Kazoo, the token stays valid until it expires."),
            }
        },
    ),
    "transactions": Noun(
        "What an account was charged for: nothing.",
        {f"{ACCOUNT_PATH}/transactions": {"GET": Operation("No transactions", listing(shapes.OBJECT), query=PAGING)}},
    ),
    "user_auth": Noun(
        "Logging in as a user.",
        {
            "/user_auth": {
                "PUT": Operation(
                    "Log in with a user's credentials",
                    shapes.LOGIN,
                    "`credentials` is the MD5 of `username:password` in hex: `printf %s jo:secret | md5sum`. "
                    "`account_realm` or `account_name` selects the account. The token is `auth_token` in the "
                    "envelope. On this page, Authorize picks it up at once.",
                    named("user_auth"),
                    201,
                    errors=(401, 403),
                )
            },
            "/user_auth/{token}": {
                "GET": Operation("A user's token", text="As in Kazoo, a 403; a 401 for another token.", status=None)
            },
        },
    ),
    "users": Noun(
        "Users, for UIs. Names, e-mail addresses and passwords change here if the setting `MANAGE_USERS` is on. Only "
        "Kazoo changes privileges.",
        {
            f"{ACCOUNT_PATH}/users": {
                "GET": Operation("Summaries of the users", listing(shapes.USER_SUMMARY), query=LIST)
            },
            f"{ACCOUNT_PATH}/users/{{user_id}}": {
                "GET": Operation("A user", shapes.USER),
                "POST": Operation(
                    "Replace what UIs keep in a user",
                    shapes.USER,
                    "The first and last name are required. A change to any other known member gets a 403.",
                    {"allOf": [named("users"), shapes.CHANGED_USER]},
                ),
                "PATCH": Operation("Change a user", shapes.USER, body=shapes.CHANGED_USER),
            },
        },
    ),
    "whitelabel": Noun(
        "Branding for UIs. UIs ask for it before the log-in, and accept a 404.",
        {
            "/whitelabel/{host}": {"GET": _NO_BRAND},
            "/whitelabel/{host}/logo": {"GET": _NO_BRAND},
            "/whitelabel/{host}/icon": {"GET": _NO_BRAND},
            "/whitelabel/{host}/welcome": {"GET": _NO_BRAND},
        },
    ),
}
