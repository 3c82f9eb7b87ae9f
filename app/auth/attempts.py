"""Records log-ins in an account's month database (docs/kazoo/auth.md, section 4.7).

Nothing is written unless Kazoo has created that database. A record never contains credentials or a token.
"""

import logging
import time
from collections.abc import Mapping

from app.documents.clock import GREGORIAN_EPOCH
from app.documents.fields import Author, stamp
from app.documents.names import encoded, month_db, new_id
from app.store import DatabaseMissing, Store, StoreError

SECRET_HEADERS = ("x-auth-token", "authorization", "proxy-authorization", "cookie")
LOGS_SUCCESSES = ("cb_user_auth",)

log = logging.getLogger(__name__)


def record(
    store: Store,
    account_id: str,
    owner_id: str | None,
    method: str | None,
    succeeded: bool,
    message: str,
    client_ip: str,
    headers: Mapping[str, str],
    author: Author,
) -> None:
    """Write one attempt. A store error is logged, not raised."""
    now = time.time()
    db = month_db(account_id, now)
    document = {
        "_id": f"{time.strftime('%Y%m', time.gmtime(now))}-{new_id()}",
        "auth_type": "jwt_auth_token" if succeeded else "credentials",
        "status": "success" if succeeded else "failed",
        "auth_module": method,
        "message": message,
        "client_headers": {name: value for name, value in headers.items() if name not in SECRET_HEADERS},
        "client_ip": client_ip,
        "crossbar_request_id": author.request_id,
        "timestamp": int(now) + GREGORIAN_EPOCH,
        "metadata": {"account_id": account_id} | ({"owner_id": owner_id} if owner_id else {}),
        "pvt_type": "login_attempt",
        "pvt_account_db": encoded(db),
    }
    try:
        store.save_doc(db, stamp(document, account_id, author))
    except DatabaseMissing:
        return
    except StoreError as error:
        log.warning("a login attempt on account %s was not recorded: %s", account_id, error)
