"""Ports, and waiting until something is so."""

import socket
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import requests

# Far longer than anything takes. A test that depends on it fails only where it would wait for ever.
PATIENCE = 120.0
# They stay bound, so that the system gives their ports to nobody else.
_RESERVED: list[socket.socket] = []


def free_port() -> int:
    """A port of the loopback address from the system. Only a server that sets SO_REUSEADDR, as all do, can have it."""
    reserved = socket.socket()
    reserved.bind(("127.0.0.1", 0))
    # Set before, it would let the system choose a port that another process has reserved.
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    _RESERVED.append(reserved)
    port: int = reserved.getsockname()[1]
    return port


def wait_until(condition: Callable[[], Any], seconds: float = PATIENCE, message: str = "condition") -> Any:
    """Ask again until something true comes back; fail after a while."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        result = condition()
        if result:
            return result
        time.sleep(0.05)
    raise AssertionError(f"{message} did not come about within {seconds} s")


def answers(url: str) -> bool:
    """Whether anything speaks HTTP there."""
    try:
        requests.get(url, timeout=1)
    except requests.RequestException:
        return False
    return True


def is_listening(url: str) -> bool:
    """Whether a connection to the host and port of a URL is accepted."""
    address = urlsplit(url)
    try:
        socket.create_connection((address.hostname, address.port), timeout=1).close()
    except ConnectionRefusedError:
        return False
    except OSError:
        return True
    return True
