"""The applications a UI offers: `/accounts/{ACCOUNT_ID}/apps_store`, read-only."""

from app.context import Context
from app.resources import apps
from app.resources.base import ReadOnly


class AppsStore(ReadOnly):
    """The PBX Connector, if the operator has set its address."""

    METHODS = {0: ("GET",)}
    NEEDS_ACCOUNT = True

    def validate(self, context: Context, *params: str) -> None:
        """Answer with what may be installed."""
        context.respond(apps.store(context.services))
