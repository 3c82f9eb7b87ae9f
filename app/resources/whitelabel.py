"""Branding of UIs: `/whitelabel/{HOST}`. UIs request it before the login, and accept a 404."""

from app.crossbar.context import Context, not_found_error
from app.crossbar.resource import Public

PARTS = ("logo", "icon", "welcome")


class Whitelabel(Public):
    """No host has a brand in this service."""

    METHODS = {1: ("GET",), 2: ("GET",)}

    def resource_exists(self, context: Context, *params: str) -> bool:
        """A host, or one part of its brand."""
        return super().resource_exists(context, *params) and params[1:] in ((), *((part,) for part in PARTS))

    def validate(self, context: Context, *params: str) -> None:
        """Stop with Kazoo's 404 for a lookup without rows."""
        context.paging = {"page_size": 0}
        raise not_found_error(params[0])
