"""A path whose first noun is unknown: 404 for callers with a good token, 401 for others.

Spec: docs/kazoo/http.md, section 1.
"""

from app.constants import METHODS
from app.context import Context, system_error
from app.resources.base import Resource


class Unknown(Resource):
    """Stands in for a module that is not there."""

    ANSWERS_PREFLIGHTS = False

    def resource_exists(self, context: Context, *params: str) -> bool:
        """True, so that the 404 comes only after authentication."""
        return True

    def allowed_methods(self, context: Context, *params: str) -> tuple[str, ...]:
        """All of them."""
        return METHODS

    def authorize(self, context: Context) -> bool:
        """Stops with 404 for every caller."""
        raise system_error(404, "not_found")
