"""The requests for an account: its trunks, page by page, and what UIs read when they start."""

import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

# Sends a GET to both servers. Returns the old server's body, or an empty object if that is not a JSON object.
Ask = Callable[[str], dict[str, Any]]

VERSIONS = ("v1", "v2")
AT_START = ("", "/limits", "/children", "/descendants", "/siblings")
LISTS = ("/users", "/phone_numbers", "/callflows")
SYSTEM = ("/schemas/connectivity",)
MOST_PAGES = 1_000_000


def system(ask: Ask) -> None:
    """Ask for everything outside accounts."""
    for version in VERSIONS:
        for path in SYSTEM:
            ask(f"/{version}{path}")


def accounts(account_id: str, ask: Ask) -> Iterator[str]:
    """The ids of the account itself and of those below it."""
    yield account_id
    for page in _pages(f"/v2/accounts/{quote(account_id)}/descendants", ask):
        for row in page:
            if isinstance(row, dict) and isinstance(row.get("id"), str):
                yield row["id"]


def account(account_id: str, ask: Ask) -> None:
    """Ask for everything in an account."""
    for version in VERSIONS:
        base = f"/{version}/accounts/{quote(account_id, safe='')}"
        for path in AT_START:
            ask(base + path)
        for path in LISTS:
            for _ in _pages(base + path, ask):
                pass
        for page in _pages(f"{base}/connectivity", ask):
            for doc_id in page:
                if isinstance(doc_id, str):
                    ask(f"{base}/connectivity/{_segment(doc_id)}")
        ask(f"{base}/connectivity?paginate=false")


def _pages(target: str, ask: Ask) -> Iterator[list[Any]]:
    """The data of each page on the old server."""
    page = target
    for _ in range(MOST_PAGES):
        answer = ask(page)
        data, start_key = answer.get("data"), answer.get("next_start_key")
        if isinstance(data, list):
            yield data
        if not isinstance(start_key, str):
            return
        page, previous = f"{target}?start_key={quote(start_key, safe='')}", page
        if page == previous:
            return


def _segment(doc_id: str) -> str:
    """An id in a path. Segments are decoded twice (docs/kazoo/http.md, section 1)."""
    return quote(doc_id.replace("%", "%25"), safe="")


def body_of(body: bytes) -> dict[str, Any]:
    """An answer's body if it is a JSON object, otherwise an empty object."""
    try:
        parsed = json.loads(body)
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}
