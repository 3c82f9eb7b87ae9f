"""The attacks, each on a service of one's own. All of them run until their time is up.

A client that the service has sent away comes back at once. Whoever "knows the token" is a customer with an account.
"""

import asyncio
import itertools
import json
import resource
import secrets
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

from tests.load.hostile.clients import FOR_EVER, Crowd, Target, Visit

Attack = Callable[[Crowd], Coroutine[Any, Any, None]]

VALIDATION = "/v2/schemas/connectivity/validation"
SCHEMA = "/v2/schemas/user_auth"
JSON, FORM = "Content-Type: application/json", "Content-Type: application/x-www-form-urlencoded"
CHUNKED = "Transfer-Encoding: chunked"
# Open files that a process of an attack needs besides its connections.
SPARE_FILES = 64
MOST_DOCUMENTS = 10_000
SMALL, LARGE = 200_000, 7_800_000


async def chunks(crowd: Crowd) -> None:
    """64 clients announce a huge chunk and then send a byte of it every three seconds."""
    head = crowd.target.head("PUT", VALIDATION, JSON, CHUNKED, knows=False)
    sizes = itertools.cycle((b"989681\r\n", b"fffffffff\r\n"))

    async def visit() -> None:
        async with crowd.connect() as client:
            await client.send(head + next(sizes))
            reading = asyncio.create_task(client.until_closed())
            try:
                while not reading.done():
                    await client.send(b"x")
                    await asyncio.wait([reading], timeout=3)
            finally:
                reading.cancel()
                await asyncio.gather(reading, return_exceptions=True)

    await crowd.attack((64, visit))


async def slow(crowd: Crowd) -> None:
    """48 clients that know the token read a document of 4 MB at 4 kB a second."""
    target = crowd.target
    async with crowd.cleaning_up():
        doc_id = f"{target.prefix}-large"
        await _create(crowd, {"id": doc_id, "x": "y" * 4_000_000})
        request = target.request("GET", f"{target.collection}/{doc_id}")

        async def visit() -> None:
            async with crowd.connect(receive_buffer=4096) as client:
                await client.send(request)
                while True:
                    await client.receive(4096)
                    await asyncio.sleep(1)

        await crowd.attack((48, visit))


async def errors(crowd: Crowd) -> None:
    """8 clients have 200 kB validated that are wrong in a hundred thousand places."""
    body = b'{"data":{"servers":[%s]}}' % b",".join([b"1"] * (SMALL // 2))
    await crowd.attack((8, _asking(crowd, crowd.target.request("PUT", VALIDATION, body, JSON, knows=False))))


async def unparsable(crowd: Crowd) -> None:
    """16 clients send bodies that are cut off: 200 kB where anybody may, 7.8 MB with the token."""
    requests = [
        request
        for small, large in zip(_cut_bodies(SMALL), _cut_bodies(LARGE), strict=True)
        for request in (
            crowd.target.request("PUT", VALIDATION, small[1], small[0], knows=False),
            crowd.target.request("PUT", crowd.target.collection, large[1], large[0]),
        )
    ]
    await crowd.attack((16, _asking(crowd, *requests)))


def _cut_bodies(size: int) -> Iterator[tuple[str, bytes]]:
    """Content types and bodies of about this size."""
    yield JSON, b'{"data":[' + b"1," * (size // 2)
    yield JSON, b'{"data":"' + b"\\u0061" * (size // 6)
    yield JSON, b'{"data":[' + b"[]," * (size // 3)
    # 600,000 members in 7.8 MB.
    yield JSON, b'{"data":{' + b"".join(b'"%07d":0,' % number for number in range(size // 13))
    yield FORM, b"&".join(b"%07d=%%41" % number for number in range(size // 12)) + b"&x=%4"


async def idle(crowd: Crowd) -> None:
    """2,600 clients connect and send nothing; fewer, if this process may not open so many files."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2600 + SPARE_FILES
    files = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))

    async def visit() -> None:
        async with crowd.connect() as client:
            await client.until_closed()

    await crowd.attack((files - SPARE_FILES, visit))


async def headers(crowd: Crowd) -> None:
    """40 clients send 100 headers of 1 kB byte by byte; 40 others send 8.8 MB of a body but not its last byte."""
    lines = [f"X-{number}: {'y' * 1000}" for number in range(99)]
    head = crowd.target.head("GET", SCHEMA, *lines, knows=False)
    unfinished = crowd.target.request("PUT", VALIDATION, b" " * 8_800_000, JSON, knows=False)[:-1]

    async def drip() -> None:
        async with crowd.connect() as client:
            for start in range(len(head)):
                await client.send(head[start : start + 1])
                await asyncio.sleep(0.001)
            await client.until_closed()

    async def stop_before_the_end() -> None:
        async with crowd.connect() as client:
            await client.send(unfinished)
            await client.until_closed()

    await crowd.attack((40, drip), (40, stop_before_the_end))


async def guesses(crowd: Crowd) -> None:
    """16 clients guess credentials: of an account that they know the realm of, and of accounts that do not exist.

    The service records failed log-ins of the account that exists; these records stay.
    """
    target = crowd.target
    async with crowd.connect() as client:
        answer = await client.ask_for(200, target.request("GET", f"/v2/accounts/{target.account_id}"))
    realm = answer["data"]["realm"]

    def guess(number: int) -> bytes:
        data = {"credentials": secrets.token_hex(16), "account_realm": realm}
        path = "/v2/user_auth" if number % 2 else f"/v2/accounts/{secrets.token_hex(16)}/user_auth"
        return target.request("PUT", path, json.dumps({"data": data}).encode(), JSON, knows=False)

    await crowd.attack((16, _asking_anew(crowd, guess)))


async def half(crowd: Crowd) -> None:
    """300 clients send the beginning of a request, cut in various places, and wait."""
    beginnings = itertools.cycle(_half_requests(crowd.target))

    async def visit() -> None:
        async with crowd.connect() as client:
            if beginning := next(beginnings):
                await client.send(beginning)
            await client.until_closed()

    await crowd.attack((300, visit))


def _half_requests(target: Target) -> tuple[bytes, ...]:
    head = target.head("PUT", VALIDATION, JSON, "Content-Length: 1000", knows=False)
    whole = target.request("GET", SCHEMA, knows=False)
    return (
        b"",
        b"\r\n",
        b"GE",
        whole[:-2],
        whole + whole[:10],
        head,
        head + b'{"data":',
        target.head("PUT", VALIDATION, JSON, CHUNKED, knows=False) + b"5\r\n{",
        target.head("PUT", VALIDATION, JSON, CHUNKED, "Expect: 100-continue", knows=False),
        target.head("PUT", VALIDATION, JSON, "Content-Length: 1000", "Expect: 100-continue", knows=False),
    )


async def start_key(crowd: Crowd) -> None:
    """8 clients that know the token ask for lists from a key on that is 7 kB of brackets."""
    keys = ("[" * 7000, "[]" * 3500, "[" * 3500 + "]" * 3500, "[[]," * 1750, "(" * 7000)
    lists = ("connectivity", "phone_numbers", "users", "callflows", "descendants")
    requests = [
        crowd.target.request("GET", f"/v2/accounts/{crowd.target.account_id}/{noun}?start_key={key}")
        for noun in lists
        for key in keys
    ]
    await crowd.attack((8, _asking(crowd, *requests)))


async def dids(crowd: Crowd) -> None:
    """4 clients that know the token create documents with 10,000 DIDs."""
    numbers = {f"+1415{number:07}": {} for number in range(10_000)}
    server = {"auth": {"auth_method": "IP", "ip": "192.0.2.10"}, "options": {}, "DIDs": numbers}
    async with crowd.cleaning_up():
        await crowd.attack((4, _asking_anew(crowd, lambda number: _creation(crowd, number, servers=[server]))))


async def overload(crowd: Crowd) -> None:
    """16 times as many clients as the service has threads, who know the token, create and read documents."""
    target = crowd.target
    numbers = itertools.count()

    async def visit() -> None:
        async with crowd.connect() as client:
            while True:
                number = next(numbers)
                if number < MOST_DOCUMENTS:
                    await client.ask(_creation(crowd, number, name="Overload"))
                await client.ask(target.request("GET", f"{target.collection}/{_id(crowd, number % MOST_DOCUMENTS)}"))

    async with crowd.cleaning_up():
        await crowd.attack((16 * target.threads, visit))


async def pipelining(crowd: Crowd) -> None:
    """16 clients send 10,000 requests at once and read none of the answers."""
    many = crowd.target.request("GET", SCHEMA, knows=False) * 10_000

    async def visit() -> None:
        async with crowd.connect() as client:
            await client.send(many)
            await asyncio.sleep(FOR_EVER)

    await crowd.attack((16, visit))


def _asking(crowd: Crowd, *requests: bytes) -> Visit:
    """A client that sends these requests in turn, each after the answer to the one before."""
    return _asking_anew(crowd, lambda number: requests[number % len(requests)])


def _asking_anew(crowd: Crowd, make: Callable[[int], bytes]) -> Visit:
    """The same with requests that are made when they are sent, of numbers that no other client is given."""
    numbers = itertools.count()

    async def visit() -> None:
        async with crowd.connect() as client:
            while True:
                await client.ask(make(next(numbers)))

    return visit


async def _create(crowd: Crowd, data: dict[str, Any]) -> None:
    body = json.dumps({"data": data}).encode()
    async with crowd.connect() as client:
        await client.ask_for(201, crowd.target.request("PUT", crowd.target.collection, body, JSON))


def _creation(crowd: Crowd, number: int, **data: Any) -> bytes:
    body = json.dumps({"data": {**data, "id": _id(crowd, number)}}).encode()
    return crowd.target.request("PUT", crowd.target.collection, body, JSON)


def _id(crowd: Crowd, number: int) -> str:
    return f"{crowd.target.prefix}-{number}"


ATTACKS: dict[str, Attack] = {
    attack.__name__: attack
    for attack in (
        chunks,
        slow,
        errors,
        unparsable,
        idle,
        headers,
        guesses,
        half,
        start_key,
        dids,
        overload,
        pipelining,
    )
}
