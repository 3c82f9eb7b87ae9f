"""The API's errors: what each status means, and which ones an operation may return.

Spec: docs/kazoo/http.md, section 6.
"""

from collections.abc import Iterable

# The HTTP server answers these without a body.
EMPTY = (304, 406, 412, 415, 431)
_TEXTS = {
    304: "The tag in `If-None-Match` matches the answer's.",
    400: "The request is not valid: the data violates the schema, the body is not an envelope or is too large, or a "
    "header is malformed (then the answer has no body). `data` has the errors by path and keyword. The trial of the "
    "caller's account may also have run out.",
    401: "The token or the credentials are missing or not valid.",
    403: "The caller is not allowed to do this here.",
    404: "There is no such path, account or document.",
    405: "The path does not support this verb. Only a POST may name another one in `verb`.",
    406: "`Accept` allows neither JSON nor CSV.",
    409: "Another writer was faster, the id is taken, the number cannot be released, or only Kazoo does this: then "
    "`data` says what to do, in a form that Monster UI shows.",
    412: "The condition in `If-Match` or `If-None-Match` failed. A PUT with `If-Match` always fails.",
    415: "The body is neither JSON nor a form. This is checked last.",
    429: "The bucket for the caller's address has too few tokens.",
    431: "The path, the query and the headers together are too long.",
    500: "An error in this service.",
    501: "Only Kazoo does this, because it needs Kazoo's own code.",
    503: "The store does not answer, one of its views is missing, or too many requests came at once.",
}
_ANYWHERE = (400, 405, 406, 412, 429, 431, 500, 503)


def name(status: int) -> str:
    """The name of a status in `components/responses`."""
    return f"Error{status}"


def text(status: int) -> str:
    """What a status means."""
    return _TEXTS[status]


def statuses() -> Iterable[int]:
    """All error statuses, in ascending order."""
    return _TEXTS


def of_operation(verb: str, others: Iterable[str], is_anonymous: bool, has_parameters: bool) -> set[int]:
    """The error statuses that any operation with this verb may return. `others` are the path's other verbs."""
    possible = set(_ANYWHERE)
    if not is_anonymous:
        possible |= {401, 403}
    if has_parameters:
        possible.add(404)
    if verb == "GET" or (verb == "POST" and "GET" in others):
        possible.add(304)
    if verb in ("PUT", "POST", "PATCH"):
        possible.add(415)
    if verb != "GET" and not is_anonymous:
        possible.add(409)
    return possible
