"""The documents of UI apps: the app's document in the master account's database, and the access in a user's document.

Spec: docs/kazoo/clients.md, sections 1a and 1b.
"""

from app.documents import Document, fields, names
from app.documents.fields import Author
from app.store import DatabaseMissing, Store, ViewMissing

PBXS = "pbxs"
LABEL = "PBX Connector"
TEXTS = {"en-US": {"label": LABEL, "description": "Connect a PBX to its SIP trunks", "features": []}}
LISTING = "apps_store/crossbar_listing"
_VERSIONS = ("/v1", "/v2")


def root_of(url: str) -> str:
    """An API's address without the version, because UIs use different versions."""
    url = url.rstrip("/")
    return url[:-3] if url.endswith(_VERSIONS) else url


def monster_url(root: str) -> str:
    """The API's address for Monster UI, which uses v2."""
    return f"{root}/v2/"


def find(store: Store, master_id: str | None, name: str) -> Document | None:
    """The document of an app, or None."""
    if not master_id:
        return None
    try:
        rows = store.query_view(names.account_db(master_id), LISTING, key=name, limit=1, include_docs=True)
    except (ViewMissing, DatabaseMissing):
        return None
    return rows[0].doc if rows else None


def with_url(document: Document | None, name: str, root: str) -> Document:
    """The app's document with this address. If `document` is None, it is a new document like Kazoo's."""
    new = {
        "_id": names.new_id(),
        "pvt_type": "app",
        "name": name,
        "i18n": TEXTS,
        "tags": ["reseller"],
        "icon": f"{name}.png",
        "author": "2600Hz",
        "license": "-",
        "price": 0,
        "version": "1.0",
        "urls": {"documentation": "", "howto": ""},
        "masqueradable": True,
        "published": True,
        "phase": "production",
    }
    return {**(document or new), "api_url": monster_url(root)}


def with_access(user: Document, name: str, root: str, is_default: bool = False) -> Document:
    """The user's document with access to an app, for the old kazoo-ui. Monster UI reads the app's document.

    That UI opens the default app after a log-in.
    """
    apps = user.get("apps") if isinstance(user.get("apps"), dict) else {}
    app = {"label": LABEL, "icon": "device", **((apps or {}).get(name) or {}), "api_url": f"{root}/v1"}
    default = {"default": True} if is_default else {}
    return {**user, "apps": {**(apps or {}), name: app | default}}


def save(store: Store, account_id: str, document: Document, author: Author) -> tuple[Document, bool]:
    """Stamp and save a document of an account. Returns it as stored, and whether it is new.

    Raises Conflict.
    """
    stamped = fields.stamp(document, account_id, author)
    stamped["_rev"] = store.save_doc(names.account_db(account_id), stamped)
    return stamped, "_rev" not in document
