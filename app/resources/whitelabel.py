"""Branding of UIs: `/whitelabel/{HOST}`. UIs ask for it before the login, and accept a 404."""

from app.context import Context, not_found_error
from app.resources.base import ReadOnly

PARTS = ("logo", "icon", "welcome")


class Whitelabel(ReadOnly):
    """No host has a brand here."""

    METHODS = {1: ("GET",), 2: ("GET",)}

    def resource_exists(self, context: Context, *params: str) -> bool:
        """A host, or one part of its brand."""
        return super().resource_exists(context, *params) and params[1:] in ((), *((part,) for part in PARTS))

    def is_anonymous(self, context: Context) -> bool:
        """UIs ask before the login. Only paths that name an account need credentials."""
        return not context.has_account

    def authorize(self, context: Context) -> bool | None:
        """Everybody may, except on paths that name an account."""
        return None if context.has_account else True

    def validate(self, context: Context, *params: str) -> None:
        """Stops with Kazoo's 404 for a look-up without rows."""
        context.paging = {"page_size": 0}
        raise not_found_error(params[0])
