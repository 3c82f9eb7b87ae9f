"""A path whose first noun is not served: 404 for callers with a valid token, 401 for others.

Spec: docs/kazoo/http.md, section 1.
"""

from app.crossbar.context import Context, system_error
from app.crossbar.resource import Resource
from app.kazoo.constants import METHODS


class Unknown(Resource):
    """Stands in for a module that Kazoo does not have either."""

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


class Unserved(Unknown):
    """Stands in for a module that only Kazoo has. Preflights pass, so that a browser sees the 404."""

    ANSWERS_PREFLIGHTS = True
