"""The only application that this service lists for UIs: the PBX Connector (docs/kazoo/clients.md, section 1a)."""

from typing import Any

from app.accounts import apps
from app.accounts.apps import LABEL, PBXS
from app.services import Services


def available(services: Services) -> list[dict[str, Any]]:
    """The apps as logins list them. Empty if neither PBXS_API_URL nor the app's document has an address."""
    url, app_id = services.settings.pbxs_api_url, PBXS
    if not url:
        document = apps.find(services.store, services.config("accounts", "master_account_id"), PBXS)
        if document is None or document.get("published") is False or not document.get("api_url"):
            return []
        url, app_id = document["api_url"], document["_id"]
    return [{"id": app_id, "name": PBXS, "label": LABEL, "api_url": url}]


def store(services: Services) -> list[dict[str, Any]]:
    """The apps as the apps store lists them."""
    return [
        {
            **app,
            "allowed_users": "all",
            "users": [],
            "masqueradable": True,
            "i18n": apps.TEXTS,
            "tags": ["reseller"],
            "icon": f"{PBXS}.png",
            "published": True,
            "phase": "production",
            "author": "2600Hz",
            "version": "1.0",
            "price": 0,
            "urls": {},
        }
        for app in available(services)
    ]
