"""Ports, and waiting until something is so."""

import socket
import time
from collections.abc import Callable
from typing import Any

import requests

# Far longer than anything takes. A test that depends on it fails only where it would wait for ever.
PATIENCE = 120.0
_GIVEN: set[int] = set()


def free_port() -> int:
    """A port of the loopback address from the system, which this process has given to nobody yet."""
    while True:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            port: int = listener.getsockname()[1]
        if port not in _GIVEN:
            _GIVEN.add(port)
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
