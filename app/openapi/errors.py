"""The errors of the API: what each status means, and which an operation may answer.

Spec: docs/kazoo/http.md, section 6.
"""

from collections.abc import Iterable

# The HTTP server answers these without a body.
EMPTY = (304, 406, 412, 415, 431)
_TEXTS = {
    304: "The tag in `If-None-Match` is that of the answer.",
    400: "The request is not valid: the schema refuses the data, the body is no envelope or too large, or a header "
    "cannot be read (then there is no body). `data` has the errors by path and keyword. The trial of the caller's "
    "account may also have run out.",
    401: "The token or the credentials are missing or not good.",
    403: "The caller may not do this here.",
    404: "There is no such path, account or document.",
    405: "The path does not serve this verb. `verb` may name another one only in a POST.",
    406: "`Accept` does not allow JSON.",
    409: "Another writer was faster, the id is taken, or the number cannot be released.",
    412: "`If-Match` or `If-None-Match` does not hold. A PUT with `If-Match` always ends so.",
    415: "The body is neither JSON nor a form. This is checked last.",
    429: "The bucket of the caller's address holds too few tokens.",
    431: "The path, the query and the headers are too long together.",
    500: "A fault of this service, or a schema that does not exist.",
    501: "This is left to Kazoo, because it needs a carrier or a provider.",
    503: "The store does not answer, or one of its views is missing; or too many requests came at once.",
}
_ANYWHERE = (400, 405, 406, 412, 429, 431, 500, 503)


def name(status: int) -> str:
    """The name of a status in `components/responses`."""
    return f"Error{status}"


def text(status: int) -> str:
    """What a status means."""
    return _TEXTS[status]


def statuses() -> Iterable[int]:
    """All statuses of errors, in ascending order."""
    return _TEXTS


def of_operation(verb: str, others: Iterable[str], is_anonymous: bool, has_parameters: bool) -> set[int]:
    """The statuses of errors that any operation with this verb may answer. `others` are the path's other verbs."""
    found = set(_ANYWHERE)
    if not is_anonymous:
        found |= {401, 403}
    if has_parameters:
        found.add(404)
    if verb == "GET" or (verb == "POST" and "GET" in others):
        found.add(304)
    if verb in ("PUT", "POST", "PATCH"):
        found.add(415)
    if verb != "GET" and not is_anonymous:
        found.add(409)
    return found
