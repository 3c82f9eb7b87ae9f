"""Billing, as far as UIs need it: the `ledgers`, `transactions`, `services` and credits of an account.

This service does not bill trunks (docs/kazoo/documents.md, section 10), so every balance is zero. UIs get well-formed
answers. Only Kazoo does the actual billing.
"""

import calendar
import time
from collections import Counter

from app.auth import configuration
from app.crossbar import crossbar_doc
from app.crossbar.context import Context
from app.crossbar.resource import ReadOnly
from app.documents import Document, start_key
from app.documents.clock import GREGORIAN_EPOCH, gregorian_now
from app.documents.names import NUMBERS_VIEW, USERS_VIEW
from app.store import Row, ViewMissing

TOTAL, SUMMARY, CREDITS = "total", "summary", "credits"


class Ledgers(ReadOnly):
    """`/accounts/{ACCOUNT_ID}/ledgers[/total]`: a balance of zero. `ledgers/{LEDGER}`: no entries."""

    METHODS = {0: ("GET",), 1: ("GET",)}
    NEEDS_ACCOUNT = True

    def allowed_methods(self, context: Context, *params: str) -> tuple[str, ...]:
        """GET, except for credits and debits."""
        return ("PUT",) if params in (("credit",), ("debit",)) else ("GET",)

    def validate(self, context: Context, *params: str) -> None:
        """Answer with the sum of each ledger, the sum of all ledgers, or the entries of one."""
        if params == (TOTAL,):
            context.respond({"amount": 0.0})
        elif params:
            context.respond([])
        else:
            _set_paging(context, 1)
            context.respond({"rollovers": {"amount": 0.0, "usage": {"quantity": 0}}})
            crossbar_doc.tag_answer(context)


class Transactions(ReadOnly):
    """`/accounts/{ACCOUNT_ID}/transactions`: an empty list."""

    METHODS = {0: ("GET",)}
    NEEDS_ACCOUNT = True

    def validate(self, context: Context, *params: str) -> None:
        """Answer with no transactions."""
        _set_paging(context, 0)
        context.respond([])


class Braintree(ReadOnly):
    """`/accounts/{ACCOUNT_ID}/braintree/credits`: a credit of zero. The old kazoo-ui waits for it when it starts."""

    METHODS = {1: ("GET", "PUT")}
    NEEDS_ACCOUNT = True

    def resource_exists(self, context: Context, *params: str) -> bool:
        """Only the credit. There are no customers or cards."""
        return params == (CREDITS,)

    def validate(self, context: Context, *params: str) -> None:
        """Answer with the credit."""
        context.respond({"amount": 0.0, "billing_account_id": context.account_id})


class ServicesSummary(ReadOnly):
    """`/accounts/{ACCOUNT_ID}/services[/summary]`: no plans, and the quantities in use."""

    METHODS = {0: ("GET", "POST"), 1: ("GET",)}
    NEEDS_ACCOUNT = True

    def resource_exists(self, context: Context, *params: str) -> bool:
        """The services, and their summary."""
        return params in ((), (SUMMARY,))

    def validate(self, context: Context, *params: str) -> None:
        """Answer with the summary, or with an empty set of plans."""
        context.respond(_summary(context) if params else {})


def _set_paging(context: Context, size: int) -> None:
    """Fill in `paging` for a list by time, newest first."""
    if crossbar_doc.is_paginated(context):
        context.paging = {"page_size": size, "start_key": start_key.encode(gregorian_now())}


def _summary(context: Context) -> Document:
    cache = context.services.cache
    numbers = _rows(context, NUMBERS_VIEW)
    services = Counter(feature for row in numbers for feature in row.value.get("features") or ())
    quantities = {
        "users": Counter(row.value.get("priv_level") or "user" for row in _rows(context, USERS_VIEW)),
        "number_services": services,
        "number_carriers": Counter(str(row.value.get("pvt_module_name")) for row in numbers),
    }
    return {
        "plans": {},
        "overrides": {},
        "invoices": [],
        "quantities": {
            "account": {name: dict(counts) for name, counts in quantities.items() if counts},
            "cascade": {},
            "manual": {},
        },
        "reseller": {
            "id": configuration.reseller_id(cache, context.account_id),
            "is_reseller": configuration.is_reseller(cache, context.account_id),
        },
        "ratedeck": {},
        "applications": {},
        "limits": {"id": "limits"},
        "im": {},
        "payment_tokens": {},
        "billing_cycle": {"next": _next_month(), "period": 1, "unit": "month"},
        "status": {"acceptable": True, "reason": "good standing not required"},
    }


def _rows(context: Context, view: str) -> list[Row]:
    """All rows of a view in the account's database. Empty if the view is missing."""
    try:
        return context.services.store.query_view(context.db, view)
    except ViewMissing:
        return []


def _next_month() -> int:
    """The first second of the next month in UTC, in Gregorian seconds."""
    now = time.gmtime()
    year, month = divmod(now.tm_year * 12 + now.tm_mon, 12)
    return calendar.timegm((year, month + 1, 1, 0, 0, 0)) + GREGORIAN_EPOCH
