"""The applications that UIs offer: `/accounts/{ACCOUNT_ID}/apps_store[/{APP_ID}]`, read-only."""

from app.crossbar.context import Context, system_error
from app.crossbar.resource import ReadOnly
from app.resources import apps


class AppsStore(ReadOnly):
    """The PBX Connector, if the operator has set its address."""

    METHODS = {0: ("GET",), 1: ("GET", "PUT", "POST", "DELETE")}
    NEEDS_ACCOUNT = True
    UNSERVED = "which users see an application is set in Kazoo"

    def validate(self, context: Context, *params: str) -> None:
        """Answer with all applications, or with one of them."""
        available = apps.store(context.services)
        if not params:
            context.respond(available)
            return
        app = next((app for app in available if app["id"] == params[0]), None)
        if app is None:
            raise system_error(404, "bad_identifier", {"details": params[0], "message": "bad identifier"})
        context.respond(app)
