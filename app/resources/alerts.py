"""System alerts: `/accounts/{ACCOUNT_ID}/alerts`. Kazoo's applications raise them, but this service has none."""

from app.crossbar.context import Context
from app.crossbar.resource import ReadOnly


class Alerts(ReadOnly):
    """An empty list."""

    METHODS = {0: ("GET", "PUT")}

    def validate(self, context: Context, *params: str) -> None:
        """Answer with no alerts."""
        context.paging = {"page_size": 0}
        context.respond([])
