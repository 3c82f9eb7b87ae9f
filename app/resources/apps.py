"""The one application that this service lists for UIs: the PBX Connector (docs/kazoo/clients.md, section 1a)."""

from typing import Any

from app.services import Services

PBXS = "pbxs"
LABEL = "PBX Connector"


def available(services: Services) -> list[dict[str, Any]]:
    """The apps as logins list them; none unless PBXS_API_URL is set."""
    url = services.settings.pbxs_api_url
    return [{"id": PBXS, "name": PBXS, "label": LABEL, "api_url": url}] if url else []


def store(services: Services) -> list[dict[str, Any]]:
    """The apps as the store lists them."""
    return [
        {
            **app,
            "allowed_users": "all",
            "users": [],
            "masqueradable": True,
            "i18n": {"en-US": {"label": LABEL, "description": "Connect a PBX to its SIP trunks", "features": []}},
            "tags": ["reseller"],
            "icon": f"{PBXS}.png",
            "published": True,
            "phase": "production",
        }
        for app in available(services)
    ]
