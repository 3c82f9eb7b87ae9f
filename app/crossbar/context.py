"""Context is a request on its way through the pipeline. Stop ends the request early."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from app.auth import AuthDoc
from app.documents import Document
from app.documents.fields import Author
from app.documents.names import account_db
from app.schema.errors import Errors, error
from app.services import Services


class ResourceMethods(Protocol):
    """What the pipeline uses of a resource. `app/crossbar/resource.py` has crossbar's defaults.

    `params` are the path's segments after the noun. `validate` and `execute` may raise Stop.
    """

    NEEDS_ACCOUNT: bool
    ANSWERS_PREFLIGHTS: bool
    UNSERVED: str

    def resource_exists(self, context: "Context", *params: str) -> bool:
        """Whether the path exists."""

    def allowed_methods(self, context: "Context", *params: str) -> tuple[str, ...]:
        """The verbs that Kazoo allows on this path, as CORS headers list them."""

    def served_methods(self, context: "Context", *params: str) -> tuple[str, ...]:
        """The allowed verbs that this service implements."""

    def is_anonymous(self, context: "Context") -> bool:
        """Whether the request needs no credentials."""

    def authorize(self, context: "Context") -> bool | None:
        """Whether the caller is allowed. None leaves the decision to the rule between tenants."""

    def validate(self, context: "Context", *params: str) -> None:
        """Load and check what the verb needs. For a GET, fill in the answer."""

    def execute(self, context: "Context", *params: str) -> None:
        """Write what was validated. May raise the store's Conflict."""


@dataclass
class Context:
    """A request, and what the stages learn about it, in the order of the stages.

    A member without a default exists only after its stage has filled it in. Reading it earlier is a bug, and raises
    AttributeError. `has_account` and `has_auth` say whether those two optional members exist.
    """

    services: Services
    request_id: str
    # When the request began, as in `time.perf_counter`.
    started: float = 0.0

    # the request as the client sent it
    method: str = "GET"
    # The path, without the query.
    target: str = field(default="", repr=False)
    query_string: str = field(default="", repr=False)
    # By lower-case name.
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    # The address at the other end of the connection.
    peer: str = ""
    # In bytes. None for a body with a transfer encoding, and 0 if there is no body.
    content_length: int | None = 0
    # Reads at most this many bytes of the body.
    read_body: Callable[[int], bytes] = field(default=lambda size: b"", repr=False)

    # parse
    version: str = "v2"
    segments: list[str] = field(default_factory=list, repr=False)
    query: list[tuple[str, str | bool]] = field(default_factory=list, repr=False)
    envelope: dict[str, Any] = field(default_factory=dict, repr=False)
    data: Any = field(default_factory=dict, repr=False)
    content_type: str = ""
    # By token, so that each token is verified only once.
    claims: dict[str, dict[str, Any] | None] = field(default_factory=dict, repr=False)

    # identify
    token: str | None = field(default=None, repr=False)
    token_kind: str = "x-auth-token"
    early_auth: AuthDoc | None = None

    # route and methods
    nouns: list[tuple[str, list[str]]] = field(default_factory=list, repr=False)
    resource: ResourceMethods = field(init=False, repr=False)
    verb: str = ""
    allowed: tuple[str, ...] | None = None
    is_cors: bool = False

    # account, authenticate
    account: Document = field(init=False, repr=False)
    auth: AuthDoc = field(init=False, repr=False)

    # negotiate
    wants_csv: bool = False
    language: str | None = None

    # validate and execute
    doc: Document = field(init=False, repr=False)
    stored: Document = field(init=False, repr=False)
    status: int = 200
    resp_data: Any = field(default=None, repr=False)
    revision: str | None = None
    etag: str | None = None
    location_id: str | None = None
    paging: dict[str, Any] = field(default_factory=dict)
    # Further members of the envelope.
    members: dict[str, Any] = field(default_factory=dict, repr=False)
    new_token: str | None = field(default=None, repr=False)

    @property
    def params(self) -> list[str]:
        """The path's segments after the last noun."""
        return self.nouns[-1][1] if self.nouns else []

    @property
    def has_account(self) -> bool:
        """Whether the path names an account, and it has been loaded."""
        return hasattr(self, "account")

    @property
    def has_auth(self) -> bool:
        """Whether the caller is authenticated."""
        return hasattr(self, "auth")

    @property
    def account_id(self) -> str:
        """The id of the account that the path names. Only for requests with `has_account`."""
        account_id: str = self.account["_id"]
        return account_id

    @property
    def db(self) -> str:
        """The database of the account that the path names. Only for requests with `has_account`."""
        return account_db(self.account_id)

    @property
    def author(self) -> Author:
        """The author of the documents that this request saves."""
        if not self.has_auth:
            return Author(self.request_id, is_authenticated=False)
        auth = self.auth
        return Author(
            self.request_id,
            True,
            auth.account_id,
            auth.owner_id,
            auth.original_account_id,
            auth.original_owner_id,
        )

    def header(self, name: str) -> str | None:
        """A request header by its lower-case name."""
        return self.headers.get(name)

    def query_value(self, name: str) -> str | bool | None:
        """The first value of a query parameter. True if it has no `=`."""
        for key, value in self.query:
            if key == name:
                return value
        return None

    def req_value(self, name: str, default: Any = None) -> Any:
        """A parameter from `data`, the query string or the envelope, in that order.

        Spec: docs/kazoo/http.md, section 2.5.
        """
        if isinstance(self.data, dict) and self.data.get(name) is not None:
            return self.data[name]
        value = self.query_value(name)
        if value is None:
            value = self.envelope.get(name)
        return default if value is None else value

    def respond(self, data: Any, status: int = 200) -> None:
        """Answer with this data."""
        self.resp_data, self.status = data, status

    def respond_document(self, document: Document, data: Any, status: int = 200) -> None:
        """Answer with this data and the document's revision."""
        self.respond(data, status)
        self.revision = document["_rev"]
        self.etag = f'"{document["_rev"]}"'


class Stop(Exception):
    """Ends a request before its last stage. Make it with one of the functions below.

    `body` is the error's part of the envelope, or None for an answer without a body. `text` is a complete body, not
    an envelope. A `bare` answer has no headers, not even a request id. With `same_in_v1`, `data` is the same in v1.
    """

    def __init__(
        self,
        status: int,
        body: dict[str, Any] | None = None,
        *,
        same_in_v1: bool = False,
        text: str | None = None,
        bare: bool = False,
    ):
        super().__init__(status, (body or {}).get("message"))
        self.status = status
        self.body = body
        self.same_in_v1 = same_in_v1
        self.text = text
        self.bare = bare


def system_error(status: int, message: str, data: dict[str, Any] | None = None) -> Stop:
    """An error in Kazoo's words. In v1, `data` is only the `message` (docs/kazoo/http.md, section 6)."""
    data = data or {"message": message.replace("_", " ")}
    return Stop(status, {"data": data, "error": str(status), "message": message})


def plain_error(status: int, message: str, data: Any = None) -> Stop:
    """An error whose `data` is the same in v1 and v2. It defaults to `{}`."""
    data = {} if data is None else data
    return Stop(status, {"data": data, "error": str(status), "message": message}, same_in_v1=True)


def validation_error(errors: Errors) -> Stop:
    """A 400 with Kazoo's validation errors."""
    return plain_error(400, "validation error", errors)


def too_large_error(limit: int) -> Stop:
    """The 400 for a body or document of more than `limit` bytes (docs/kazoo/http.md, section 2.4)."""
    message = f"Payload or Files must not be more than {limit} bytes"
    return validation_error(error("file", "maxSize", target=limit, message=message))


def too_long_error(member: str, limit: int, unit: str = "characters") -> Stop:
    """The 400 for a text that is longer than `limit`."""
    message = f"String must not be more than {limit} {unit}"
    return validation_error(error(member, "maxLength", message=message, target=limit))


def not_found_error(cause: str) -> Stop:
    """The 404 for a missing document or account. `cause` is its id."""
    return system_error(404, "bad_identifier", {"cause": cause, "message": "bad identifier"})


def left_to_kazoo(subject: str, message: str) -> Stop:
    """The 409 for what only Kazoo can do. `message` is for people.

    Monster UI shows the `message` of each object in the data of a 409, and the old kazoo-ui that of the envelope.
    """
    return system_error(409, message, {"message": message, subject: {"message": message}})


def conflict_error() -> Stop:
    """The 409 for a write that lost a race against another writer."""
    return system_error(409, "datastore_conflict", {"message": "conflicting documents"})


def empty(status: int) -> Stop:
    """An answer without a body, but with crossbar's headers."""
    return Stop(status)


def bare(status: int) -> Stop:
    """An answer without a body or crossbar's headers, as crossbar's HTTP server sends by itself."""
    return Stop(status, bare=True)
