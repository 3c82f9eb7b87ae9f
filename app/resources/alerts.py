"""System alerts: `/accounts/{ACCOUNT_ID}/alerts[/{ALERT_ID}]`.

Kazoo's applications raise them, but this service has none.
"""

from app.crossbar.context import Context, not_found_error
from app.crossbar.resource import ReadOnly


class Alerts(ReadOnly):
    """An empty list."""

    METHODS = {0: ("GET", "PUT"), 1: ("GET", "DELETE")}

    def validate(self, context: Context, *params: str) -> None:
        """Answer with no alerts. Stops with 404 if the path names one."""
        if params:
            raise not_found_error(params[0])
        context.paging = {"page_size": 0}
        context.respond([])
