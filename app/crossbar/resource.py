"""What the pipeline asks of a resource: crossbar's questions, with crossbar's defaults."""

from app.crossbar.context import Context


class Resource:
    """One noun. `params` are the path's segments after it.

    `METHODS` gives the verbs by number of params. A resource with more complex rules overrides the methods below.
    """

    METHODS: dict[int, tuple[str, ...]] = {}
    # Whether its documents are in an account's database, so that the path must name the account.
    NEEDS_ACCOUNT = False
    # Whether a preflight (OPTIONS) needs no credentials.
    ANSWERS_PREFLIGHTS = True

    def resource_exists(self, context: Context, *params: str) -> bool:
        """Whether the path exists."""
        return len(params) in self.METHODS

    def allowed_methods(self, context: Context, *params: str) -> tuple[str, ...]:
        """The verbs that Kazoo allows on this path, as CORS headers list them."""
        return self.METHODS[len(params)]

    def served_methods(self, context: Context, *params: str) -> tuple[str, ...]:
        """The verbs among them that this service serves."""
        return self.allowed_methods(context, *params)

    def is_anonymous(self, context: Context) -> bool:
        """Whether the request needs no credentials."""
        return False

    def authorize(self, context: Context) -> bool | None:
        """Whether the caller is allowed; None leaves the decision to the rule between tenants."""
        return None

    def validate(self, context: Context, *params: str) -> None:
        """Load and check what the verb needs; for a GET, fill in the answer. Stops with its errors."""

    def execute(self, context: Context, *params: str) -> None:
        """Write what was validated. May raise the store's Conflict."""


class Anonymous(Resource):
    """A resource for everybody: the request itself has what stands for credentials."""

    def is_anonymous(self, context: Context) -> bool:
        """Always."""
        return True

    def authorize(self, context: Context) -> bool | None:
        """Everybody may ask."""
        return True


class Public(Resource):
    """A resource for everybody, except on paths that name an account."""

    def is_anonymous(self, context: Context) -> bool:
        """Where the path names no account."""
        return not context.has_account

    def authorize(self, context: Context) -> bool | None:
        """Everybody may ask, except on paths that name an account."""
        return None if context.has_account else True


class ReadOnly(Resource):
    """A resource that clients can change in Kazoo, but only read here."""

    def served_methods(self, context: Context, *params: str) -> tuple[str, ...]:
        """Only GET."""
        return ("GET",)
