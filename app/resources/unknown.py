"""A path whose first noun is unknown: 404 for callers with a valid token, 401 for others.

Spec: docs/kazoo/http.md, section 1.
"""

from app.crossbar.context import Context, system_error
from app.crossbar.resource import Resource
from app.kazoo.constants import METHODS


class Unknown(Resource):
    """Stands in for a missing module."""

    ANSWERS_PREFLIGHTS = False

    def resource_exists(self, context: Context, *params: str) -> bool:
        """True, so that the 404 comes only after authentication."""
        return True

    def allowed_methods(self, context: Context, *params: str) -> tuple[str, ...]:
        """All verbs."""
        return METHODS

    def authorize(self, context: Context) -> bool:
        """Stops with 404 for every caller."""
        raise system_error(404, "not_found")
