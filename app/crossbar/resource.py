"""Base classes of resources, with crossbar's callbacks and their defaults."""

from app.crossbar.context import Context


class Resource:
    """A noun. `params` are the path's segments after the noun.

    `METHODS` lists the verbs by number of params. A resource with more complex rules overrides the methods below.
    """

    METHODS: dict[int, tuple[str, ...]] = {}
    # Whether the path must name an account, because the documents are in its database.
    NEEDS_ACCOUNT = False
    # Whether a preflight (OPTIONS) is answered without credentials.
    ANSWERS_PREFLIGHTS = True
    # Tells people where to do what Kazoo allows and this service does not: then it is a 409. If empty, a 405.
    UNSERVED = ""

    def resource_exists(self, context: Context, *params: str) -> bool:
        """Whether the path exists."""
        return len(params) in self.METHODS

    def allowed_methods(self, context: Context, *params: str) -> tuple[str, ...]:
        """The verbs that Kazoo allows on this path, as CORS headers list them."""
        return self.METHODS[len(params)]

    def served_methods(self, context: Context, *params: str) -> tuple[str, ...]:
        """The allowed verbs that this service implements."""
        return self.allowed_methods(context, *params)

    def is_anonymous(self, context: Context) -> bool:
        """Whether the request needs no credentials."""
        return False

    def authorize(self, context: Context) -> bool | None:
        """Whether the caller is allowed. None leaves the decision to the rule between tenants."""
        return None

    def validate(self, context: Context, *params: str) -> None:
        """Load and check what the verb needs. For a GET, fill in the answer. May raise Stop."""

    def execute(self, context: Context, *params: str) -> None:
        """Write what was validated. May raise the store's Conflict."""


class Anonymous(Resource):
    """A resource for everyone. The credentials, if any, are in the request's data."""

    def is_anonymous(self, context: Context) -> bool:
        """Always."""
        return True

    def authorize(self, context: Context) -> bool | None:
        """Everyone is allowed."""
        return True


class Public(Resource):
    """A resource for everyone, except on paths that name an account."""

    def is_anonymous(self, context: Context) -> bool:
        """Whether the path names no account."""
        return not context.has_account

    def authorize(self, context: Context) -> bool | None:
        """Everyone is allowed, except on paths that name an account."""
        return None if context.has_account else True


class ReadOnly(Resource):
    """A resource that clients can change in Kazoo, but can only read here."""

    def served_methods(self, context: Context, *params: str) -> tuple[str, ...]:
        """Only GET."""
        return ("GET",)
