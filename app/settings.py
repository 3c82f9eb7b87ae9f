"""Settings from the environment. `.env.example` explains each of them."""

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from app.couchdb_url import InvalidAddress, parse_address, split_addresses

Default = TypeVar("Default")
Number = TypeVar("Number", int, float)

# How long a command waits for CouchDB, in seconds. After a restart its first answer may take ten seconds, and a view
# even longer.
COMMAND_TIMEOUT = 300.0
# In megabytes: room for the largest body and its answer.
LEAST_BUFFERED = 32
MOST_HISTORY_DAYS = 3660
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


class SettingsError(ValueError):
    """A setting has an invalid value. The text names it."""


@dataclass(frozen=True)
class Settings:
    """The settings of one instance. Those for the whole cluster are in `system_config`."""

    couchdb_urls: list[str] = field(default_factory=list, repr=False)
    couchdb_timeout: float = 5.0
    data_dir: Path = Path("data")
    amqp_url: str | None = field(default=None, repr=False)
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 2
    threads: int = 16
    pin_workers: bool = True
    queue_seconds: float = 0.5
    max_buffered: int = 256
    drain_seconds: int = 0
    metrics_host: str = "127.0.0.1"
    metrics_port: int | None = None
    log_level: str = "INFO"
    access_log: bool = False
    kazoo_node: str = "pyconnectivity@localhost"
    kazoo_zone: str = "local"
    strict_tokens: bool = False
    tolerate_legacy_values: bool = False
    manage_users: bool = True
    pbxs_api_url: str | None = None
    history: bool = False
    history_days: int = 90
    explain: bool = False
    console: bool = True
    audit_report: Path | None = None

    def __post_init__(self) -> None:
        """Check the values. Raises SettingsError, whose text never contains a URL: that may include a password."""
        for is_valid, rule in (
            (0 < self.couchdb_timeout < math.inf, "COUCHDB_TIMEOUT must be a number of seconds above 0"),
            (self.amqp_url is None or is_address(self.amqp_url, "amqp", "amqps"), "AMQP_URL must be amqp(s)://…"),
            (not self.host.startswith("["), "HOST must be an address or a name, without brackets"),
            (_is_port(self.port), "PORT must be 1 to 65535"),
            (self.workers > 0, "WORKERS must be 1 or more"),
            (self.threads > 0, "THREADS must be 1 or more"),
            (0 < self.queue_seconds < math.inf, "QUEUE_SECONDS must be a number of seconds above 0"),
            (self.max_buffered >= LEAST_BUFFERED, f"MAX_BUFFERED must be {LEAST_BUFFERED} megabytes or more"),
            (0 <= self.drain_seconds <= 3600, "DRAIN_SECONDS must be 0 to 3600"),
            (self.metrics_port is None or _is_port(self.metrics_port), "METRICS_PORT must be 1 to 65535"),
            (self.metrics_port != self.port, "METRICS_PORT must not be PORT"),
            (0 < self.history_days <= MOST_HISTORY_DAYS, f"HISTORY_DAYS must be 1 to {MOST_HISTORY_DAYS}"),
            (self.log_level in LOG_LEVELS, f"LOG_LEVEL must be one of {', '.join(LOG_LEVELS)}"),
            (
                self.pbxs_api_url is None or is_address(self.pbxs_api_url, "http", "https"),
                "PBXS_API_URL must be http(s)://…",
            ),
        ):
            if not is_valid:
                raise SettingsError(rule)
        for url in self.couchdb_urls:
            try:
                parse_address(url)
            except InvalidAddress as error:
                raise SettingsError(f"COUCHDB_URL {error}") from None

    @property
    def engine(self) -> str:
        """The name of the store's engine. `app/store/engines.py` lists all engines."""
        return "couchdb" if self.couchdb_urls else "embedded"

    @property
    def address(self) -> str:
        """The host and port as URLs have them, e.g. ``127.0.0.1:8000`` or ``[::1]:8000``."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def request_timeout(self) -> float:
        """The total time that the store may take for one request, in seconds."""
        return max(10.0, 2 * self.couchdb_timeout)

    @property
    def config_nodes(self) -> tuple[str, str, str]:
        """The members of a `system_config` document that apply here. The first with a value wins."""
        return (self.kazoo_node, self.kazoo_zone, "default")

    def for_commands(self) -> "Settings":
        """These settings with a longer timeout for CouchDB: commands may wait longer than requests."""
        return replace(self, couchdb_timeout=max(self.couchdb_timeout, COMMAND_TIMEOUT))

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        """The settings in the environment, and defaults for all others. Raises SettingsError."""
        read = _Reader(environment)
        return cls(
            couchdb_urls=split_addresses(read.text("COUCHDB_URL", "")),
            couchdb_timeout=read.number("COUCHDB_TIMEOUT", cls.couchdb_timeout),
            data_dir=Path(read.text("DATA_DIR", str(cls.data_dir))),
            amqp_url=read.text("AMQP_URL", None),
            host=read.text("HOST", cls.host),
            port=read.whole("PORT", cls.port),
            workers=read.whole("WORKERS", cls.workers),
            threads=read.whole("THREADS", cls.threads),
            # With CouchDB on the same machine, a pinned worker would wait while CouchDB uses its CPU
            # (docs/performance.md).
            pin_workers=read.flag("PIN_WORKERS", not read.text("COUCHDB_URL", "")),
            queue_seconds=read.number("QUEUE_SECONDS", cls.queue_seconds),
            max_buffered=read.whole("MAX_BUFFERED", cls.max_buffered),
            drain_seconds=read.whole("DRAIN_SECONDS", cls.drain_seconds),
            metrics_host=read.text("METRICS_HOST", cls.metrics_host),
            metrics_port=read.whole("METRICS_PORT", None) or None,
            log_level=read.text("LOG_LEVEL", cls.log_level).upper(),
            access_log=read.flag("ACCESS_LOG", cls.access_log),
            kazoo_node=read.text("KAZOO_NODE", cls.kazoo_node),
            kazoo_zone=read.text("KAZOO_ZONE", cls.kazoo_zone),
            strict_tokens=read.flag("STRICT_TOKENS", cls.strict_tokens),
            tolerate_legacy_values=read.flag("TOLERATE_LEGACY_VALUES", cls.tolerate_legacy_values),
            # No Kazoo can be on the embedded store, so nobody else manages users.
            manage_users=read.flag("MANAGE_USERS", not read.text("COUCHDB_URL", "")),
            pbxs_api_url=read.text("PBXS_API_URL", None),
            history=read.flag("HISTORY", cls.history),
            history_days=read.whole("HISTORY_DAYS", cls.history_days),
            explain=read.flag("EXPLAIN", cls.explain),
            console=read.flag("CONSOLE", cls.console),
            audit_report=Path(report) if (report := read.text("AUDIT_REPORT", "")) else None,
        )


def _is_port(number: int) -> bool:
    return 0 < number < 65536


def is_address(url: str, *schemes: str) -> bool:
    """Whether `url` has one of these schemes, a host and, if it has a port, a valid one."""
    try:
        parts = urlsplit(url)
        return parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


class _Reader:
    """Reads single settings. An empty setting counts as missing."""

    def __init__(self, environment: Mapping[str, str]):
        self._environment = environment

    def text(self, name: str, default: Default) -> str | Default:
        return self._environment.get(name) or default

    def whole(self, name: str, default: Default) -> int | Default:
        return self._number(name, default, int)

    def number(self, name: str, default: Default) -> float | Default:
        return self._number(name, default, float)

    def flag(self, name: str, default: bool) -> bool:
        value = self.text(name, str(default)).lower()
        if value not in ("true", "1", "yes", "false", "0", "no"):
            raise SettingsError(f"{name} must be true or false, not {value!r}")
        return value in ("true", "1", "yes")

    def _number(self, name: str, default: Default, kind: Callable[[str], Number]) -> Number | Default:
        value = self.text(name, None)
        if value is None:
            return default
        try:
            return kind(value)
        except ValueError:
            raise SettingsError(f"{name} must be a number, not {value!r}") from None
