"""The messages that crossbar sends to other nodes after a write, with one method for each.

Spec: docs/kazoo/documents.md, section 9.
"""

import re
import secrets
from typing import Any, Protocol

from app.documents import Document
from app.documents.names import account_of, encoded

CONFIGURATION, REGISTRAR, NOTIFICATIONS = "configuration", "registrar", "notifications"
_DATA_CACHE = "kazoo_data_cache"
_APP_VERSION = "4.0.0"
# A message's members, before they are encoded as JSON.
Message = dict[str, Any]

_UNUSUAL = re.compile(r"[^A-Za-z0-9_~-]")


class Broker(Protocol):
    """Takes messages and sends them to RabbitMQ."""

    def publish(self, exchange: str, routing_key: str, payload: Message) -> None:
        """Queue a message. This must neither block nor raise an error."""


class Notices:
    """Builds and publishes the messages. Without a broker it does nothing."""

    def __init__(self, broker: Broker | None, node: str):
        self._broker = broker
        self._node = node

    def created(self, db: str, document: Document) -> None:
        """Announce a new document."""
        self._document_changed("doc_created", db, document)

    def edited(self, db: str, document: Document) -> None:
        """Announce a new revision of a document."""
        self._document_changed("doc_edited", db, document)

    def deleted(self, db: str, document: Document) -> None:
        """Announce a deletion, whether soft (`pvt_deleted`) or hard (`_deleted`)."""
        self._document_changed("doc_deleted", db, document)

    def saved(self, db: str, document: Document, is_new: bool) -> None:
        """Announce a new document, or a new revision if `is_new` is false."""
        (self.created if is_new else self.edited)(db, document)

    def registrations_flushed(self, realm: str) -> None:
        """Ask registrars to drop all registrations in a realm."""
        if self._broker is None:
            return
        payload = {"Realm": realm} | self._defaults("reg_flush", "directory", "crossbar")
        _publish(self._broker, REGISTRAR, f"registration.flush.{routing_segment(realm)}", payload)

    def cnam_requested(self, document: Document, number: str, display_name: str, account_id: str) -> None:
        """Ask for a new caller id name for a number.

        `number` is the number in its usual notation, and `account_id` is the caller's account.
        """
        if self._broker is None:
            return
        payload = {
            "Account-ID": document.get("pvt_assigned_to"),
            "Number-State": document.get("pvt_state"),
            "Local-Number": document.get("pvt_module_name") == "knm_local",
            "Number": number,
            "Acquired-For": account_id,
            "Cnam": {"display_name": display_name},
        } | self._defaults("cnam_request", "notification", "kazoo_number_manager")
        _publish(self._broker, NOTIFICATIONS, "notifications.number.cnam_request", payload)

    def _document_changed(self, event: str, db: str, document: Document) -> None:
        if self._broker is None:
            return
        pvt_type = document.get("pvt_type", "undefined")
        key = f"{event}.{encoded(db)}.{pvt_type}.{routing_segment(document['_id'])}"
        # The two dates are swapped, as in Kazoo.
        payload = {
            "Origin-Cache": _DATA_CACHE,
            "Type": pvt_type,
            "Rev": document["_rev"],
            "Is-Soft-Deleted": document.get("pvt_deleted") is True,
            "Date-Modified": document.get("pvt_created"),
            "Date-Created": document.get("pvt_modified"),
            "Account-ID": document.get("pvt_account_id") or account_of(db),
            "Database": encoded(db),
            "ID": document["_id"],
        } | self._defaults(event, "configuration", "datamgr")
        _publish(self._broker, CONFIGURATION, key, payload)

    def _defaults(self, event: str, category: str, app: str) -> Message:
        return {
            "Node": self._node,
            "Msg-ID": secrets.token_hex(16),
            "Event-Name": event,
            "Event-Category": category,
            "App-Version": _APP_VERSION,
            "App-Name": app,
        }


def _publish(broker: Broker, exchange: str, routing_key: str, payload: Message) -> None:
    members = {name: value for name, value in payload.items() if value not in (None, "")}
    broker.publish(exchange, routing_key, members)


def routing_segment(text: str) -> str:
    """A text as a single segment of a routing key.

    Spaces become `+`. All other characters become %XX, except ASCII letters, digits, `_`, `~` and `-`.
    """
    if text in ("*", "#"):
        return text
    return _UNUSUAL.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    character = match.group()
    return "+" if character == " " else "".join(f"%{byte:02X}" for byte in character.encode("utf-8"))
