"""A path whose first noun nobody knows: 401 to a stranger, 404 to who has a token (docs/kazoo/http.md, section 1)."""

from app.context import Context, system_error
from app.kazoo import METHODS
from app.resources.base import Resource


class Unknown(Resource):
    """Stands in for a module that is not there."""

    ANSWERS_PREFLIGHTS = False

    def resource_exists(self, context: Context, *params: str) -> bool:
        """Asked only after the caller is known."""
        return True

    def allowed_methods(self, context: Context, *params: str) -> tuple[str, ...]:
        """All of them."""
        return METHODS

    def authorize(self, context: Context) -> bool:
        """Where everybody learns that there is nothing here."""
        raise system_error(404, "not_found")
