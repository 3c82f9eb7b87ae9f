"""Sends thousands of random documents to a server and compares what it makes of each with Kazoo 4.3.

    python -m tests.recordings.corpus --base http://127.0.0.1:8000 tests/recordings/*_corpus.jsonl

A line of a validation corpus is {"data", "status", "message", "result"}: `data` was sent to
``PUT /v2/schemas/connectivity/validation``, and a real Kazoo 4.3 answered with that status, envelope `message` and
envelope `data`. A line of a patch corpus is {"doc", "patch", "status", "message", "result"}: `doc` was created with
PUT, then `patch` was sent with PATCH.

Logs in with the account of the transcript `schemas` beside the corpus. The server must not limit the rate:
`token_costs` 0 in `system_config/crossbar`. Exit status 0 when all cases match, 1 when some differ, 2 when it cannot log in.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from app.compare.conversation import Send
from app.compare.equality import short
from app.documents.differences import same
from tests.recordings.replay import over_http

Case = dict[str, Any]
Answer = tuple[int, Any, Any]
_SHOWN = 10


class NoLogIn(Exception):
    """The server does not let the corpus's account in; the text has its answer."""


class Client:
    """The account of the transcript `schemas` in the same folder. Raises NoLogIn."""

    def __init__(self, folder: Path, send: Send):
        self._send = send
        self._headers: dict[str, str] = {}
        known = json.loads((folder / "transcripts/schemas.json").read_text("utf-8"))["vars"]
        data = {"credentials": known["credentials"], "account_name": known["account_name"]}
        status, answer = self._call("PUT", "/v2/user_auth", data)
        if status != 201:
            raise NoLogIn(f"{status} {answer}")
        self._headers = {"x-auth-token": answer["auth_token"]}
        self._trunks = f"/v2/accounts/{answer['data']['account_id']}/connectivity"

    def run(self, case: Case) -> Answer:
        """What the server makes of a case: status, message and data."""
        if "patch" not in case:
            return _told(*self._call("PUT", "/v2/schemas/connectivity/validation", case["data"]))
        _, created = self._call("PUT", self._trunks, case["doc"])
        trunk = f"{self._trunks}/{(created.get('data') or {}).get('id')}"
        status, message, data = _told(*self._call("PATCH", trunk, case["patch"]))
        self._call("DELETE", f"{trunk}?should_soft_delete=false")
        return status, message, _without_particulars(data)

    def _call(self, method: str, path: str, data: Any = None) -> tuple[int, dict[str, Any]]:
        body = None if data is None else json.dumps({"data": data}, ensure_ascii=False).encode()
        headers = {"content-type": "application/json", "content-length": str(len(body or b"")), **self._headers}
        status, _, answer = self._send(method, path, headers, body)
        return status, json.loads(answer) if answer else {}


def _told(status: int, envelope: dict[str, Any]) -> Answer:
    return status, envelope.get("message"), envelope.get("data")


def _without_particulars(result: Any) -> Any:
    """Without the generated id and the realm, which belong to the account and not to the case."""
    if not isinstance(result, dict):
        return result
    result = {name: value for name, value in result.items() if name != "id"}
    if isinstance(result.get("account"), dict):
        result["account"] = {name: value for name, value in result["account"].items() if name != "auth_realm"}
    return result


def wanted(case: Case) -> Answer:
    """What Kazoo made of a case."""
    result = case["result"]
    return case["status"], case["message"], _without_particulars(result) if "patch" in case else result


def cases(corpus: Path) -> Iterator[Case]:
    """The cases of a file."""
    with corpus.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def compare_all(corpora: list[Path], send: Send) -> bool:
    """Send all cases, print the first differences and the total; whether all match. Raises NoLogIn."""
    total = matched = 0
    for corpus in corpora:
        client = Client(corpus.parent, send)
        for number, case in enumerate(cases(corpus), 1):
            got, want = client.run(case), wanted(case)
            total += 1
            matched += same(got, want)
            if not same(got, want) and total - matched <= _SHOWN:
                sent = short(case.get("patch", case.get("data")))
                print(f"{corpus}:{number}\n  sent {sent}\n  want {short(want)}\n  got  {short(got)}")
    print(f"total: {matched} of {total} cases match")
    return matched == total


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--base", required=True, help="the server, e.g. http://127.0.0.1:8000")
    parser.add_argument("corpora", nargs="+", type=Path)
    arguments = parser.parse_args()
    try:
        return 0 if compare_all(arguments.corpora, over_http(arguments.base)) else 1
    except NoLogIn as error:
        print(f"cannot log in: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
