"""The registry of nouns, with one resource per crossbar module. To add an endpoint, add a file and an entry here."""

from app.crossbar.resource import Resource
from app.resources.about import About
from app.resources.accounts import Accounts
from app.resources.alerts import Alerts
from app.resources.api_auth import ApiAuth
from app.resources.apps_store import AppsStore
from app.resources.auth import Auth
from app.resources.billing import Braintree, Ledgers, ServicesSummary, Transactions
from app.resources.callflows import Callflows
from app.resources.connectivity import Connectivity
from app.resources.limits import Limits
from app.resources.phone_numbers import PhoneNumbers
from app.resources.schemas import SchemaDocuments
from app.resources.search import Search
from app.resources.shared_auth import SharedAuth
from app.resources.token_auth import TokenAuth
from app.resources.unknown import Unknown, Unserved
from app.resources.user_auth import UserAuth
from app.resources.users import Users
from app.resources.whitelabel import Whitelabel

NOUNS: dict[str, Resource] = {
    "about": About(),
    "accounts": Accounts(),
    "alerts": Alerts(),
    "api_auth": ApiAuth(),
    "apps_store": AppsStore(),
    "auth": Auth(),
    "braintree": Braintree(),
    "callflows": Callflows(),
    "connectivity": Connectivity(),
    "ledgers": Ledgers(),
    "limits": Limits(),
    "phone_numbers": PhoneNumbers(),
    "schemas": SchemaDocuments(),
    "search": Search(),
    "services": ServicesSummary(),
    "shared_auth": SharedAuth(),
    "token_auth": TokenAuth(),
    "transactions": Transactions(),
    "user_auth": UserAuth(),
    "users": Users(),
    "whitelabel": Whitelabel(),
}
UNKNOWN_NOUN = Unknown()
UNSERVED_NOUN = Unserved()

__all__ = ["NOUNS", "UNKNOWN_NOUN", "UNSERVED_NOUN", "Resource"]
