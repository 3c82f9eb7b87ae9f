"""`serve`: the service under gunicorn."""

import contextlib
import ctypes
import gc
import importlib
import logging
import os
import random
import resource
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import click
from gunicorn import glogging
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.config import Config

from app import metrics
from app.accounts.system import prepare_store
from app.audit import system_schema
from app.auth.buckets import Buckets
from app.commands.demo import announce
from app.commands.stores import check_owner
from app.couchdb_url import parse_address
from app.documents import connectivity
from app.documents.names import SYSTEM_SCHEMAS
from app.ending import Ending
from app.factory import create_app
from app.files import locked
from app.logs import JSONFormatter, configure_logging
from app.monitoring import exporter
from app.schema import Schemas
from app.services import make_services
from app.settings import Settings
from app.store import Store, StoreError
from app.store.design import check_files
from app.store.embedded.collation import sort_key
from app.store.engines import open_store
from app.trunks.overwrites import Additions
from app.version import __version__
from app.words import counted, reason

MOST_FILES = 65536
# Parameters of glibc's mallopt: how many heaps the threads share, and from which size on memory bypasses the heap.
_M_ARENA_MAX, _M_MMAP_THRESHOLD = -8, -3
HEAPS, LARGE = 2, 256 * 1024
# The open files that a worker needs besides connections: for itself, and for each thread's connections to the store.
FILES, FILES_OF_A_THREAD = 48, 4
# The event loop examines all of them at every event.
MOST_CONNECTIONS = 1000
# How many places a warning names.
MOST_PATHS = 10
# A file there costs no disk.
MEMORY = "/dev/shm"
METRICS, LOCK = "connectivity-metrics-", "lock"
# What ends a process.
ENDING_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)

log = logging.getLogger(__name__)


@click.command()
@click.option("--host", help="Address to listen on.  [HOST]")
@click.option("--port", type=int, help="Port to listen on.  [PORT]")
@click.option("--workers", type=int, help="Worker processes.  [WORKERS]")
@click.option("--demo", is_flag=True, help="Create a demonstration account in an embedded store without accounts.")
def serve(host: str | None, port: int | None, workers: int | None, demo: bool) -> None:
    """Serve the API."""
    options = {"HOST": host, "PORT": port, "WORKERS": workers}
    settings = Settings.from_environment(
        os.environ | {name: str(value) for name, value in options.items() if value is not None}
    )
    configure_logging(settings.log_level)
    # Without these files every worker would fail, and gunicorn would keep starting new ones.
    schemas = Schemas()
    check_files()
    with _metrics_directory() as directory:
        # Requests to CouchDB are counted, so this comes before the first one.
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = directory
        # For `_forget_worker`: gunicorn calls it while it handles a signal, where nothing should be imported.
        importlib.import_module("prometheus_client.multiprocess")
        application = GunicornApplication(settings, Buckets(), Additions())
        # Before a demonstration account is created, whose password would be shown to nobody.
        application.check_addresses()
        application.greeting = _prepare(settings, schemas, demo)
        # Loads the collation table once, for all workers.
        sort_key("")
        _share_heaps()
        application.run()


def _prepare(settings: Settings, schemas: Schemas, demo: bool) -> Callable[[], None]:
    """Prepare the store. Returns what tells people of the demonstration account once the service listens.

    Raises KeysMissing, Unavailable, and ClickException if the store is another user's.
    """
    check_owner(settings)
    store = open_store(settings)
    created = prepare_store(store, settings, demo=demo)
    _warn_of_another_schema(store, schemas)
    is_shown = demo and store.is_embedded
    store.close()
    return partial(announce, settings, created.password if created else None) if is_shown else lambda: None


def _warn_of_another_schema(store: Store, schemas: Schemas) -> None:
    """Say that Kazoo's own schema of trunks does not count here, if it accepts something else."""
    with contextlib.suppress(StoreError):
        if paths := system_schema.differences(store, schemas.get(connectivity.SCHEMA).raw):
            listed = ", ".join(paths[:MOST_PATHS]) + (" …" if len(paths) > MOST_PATHS else "")
            message = "%s/%s differs from the file in schemas/, which is the one that counts here: %s"
            log.warning(message, SYSTEM_SCHEMAS, connectivity.SCHEMA, listed)


def _share_heaps() -> None:
    """Let workers return memory to the system. Otherwise glibc keeps whatever each thread once used."""
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(_M_ARENA_MAX, HEAPS)
        libc.mallopt(_M_MMAP_THRESHOLD, LARGE)


@contextlib.contextmanager
def _metrics_directory() -> Iterator[str]:
    """A directory that is deleted when this process exits, but not when a forked worker does.

    What killed services left behind is deleted first. A service and its workers hold a lock in their directory.
    """
    for path in Path(tempfile.gettempdir()).glob(f"{METRICS}*/{LOCK}"):
        with contextlib.suppress(OSError), locked(path, waits=False):
            shutil.rmtree(path.parent, ignore_errors=True)
    owner = os.getpid()
    directory = tempfile.mkdtemp(prefix=METRICS)
    starting = Path(directory) / "starting"
    with locked(starting):
        # Others delete a directory whose lock they can take, so it has that name only once it is held.
        starting.rename(starting.with_name(LOCK))
        try:
            yield directory
        finally:
            if os.getpid() == owner:
                shutil.rmtree(directory, ignore_errors=True)


class JSONLogger(glogging.Logger):
    """gunicorn's log, in this service's format."""

    def setup(self, cfg: Config) -> None:
        """Set the format whenever gunicorn creates its handlers."""
        super().setup(cfg)
        for handler in self.error_log.handlers:
            handler.setFormatter(JSONFormatter())


class DrainingArbiter(Arbiter):
    """gunicorn's master process. Before it stops, load balancers have time to see that it will.

    Its workers end when they are told to, however young they are.
    """

    def __init__(self, application: BaseApplication, ending: Ending, drain_seconds: int):
        self._ending = ending
        self._drain_seconds = drain_seconds
        super().__init__(application)

    def spawn_worker(self) -> Any:
        """Start a worker. A signal to end waits for handlers of its own: this process's would only queue it."""
        signal.pthread_sigmask(signal.SIG_BLOCK, ENDING_SIGNALS)
        try:
            return super().spawn_worker()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING_SIGNALS)

    def stop(self, graceful: bool = True) -> None:
        """Stop the workers, after a while if they are to end in peace. They must not get the signal themselves."""
        if graceful and self.WORKERS and self._drain_seconds:
            self._ending.announce()
            time.sleep(self._drain_seconds)
        super().stop(graceful)


class GunicornApplication(BaseApplication):
    """gunicorn, configured for this service. Each worker creates its own services after the fork."""

    def __init__(self, settings: Settings, buckets: Buckets, additions: Additions):
        self._settings = settings
        self.greeting: Callable[[], None] = lambda: None
        self._buckets = buckets
        self._additions = additions
        self._ending = Ending()
        self._cpus = _usable_cpus() if settings.pin_workers else []
        super().__init__()

    def run(self) -> None:
        """Serve until the process is told to stop."""
        DrainingArbiter(self, self._ending, self._settings.drain_seconds).run()

    def load_config(self) -> None:
        """Set gunicorn's settings. GUNICORN_CMD_ARGS overrides them."""
        settings = self._settings
        threads, connections = _share_files(_raise_file_limit(), settings.threads)
        for name, value in {
            "bind": settings.address,
            "workers": settings.workers,
            "threads": threads,
            "worker_class": "app.server.Worker",
            "worker_connections": connections,
            "worker_tmp_dir": MEMORY if os.access(MEMORY, os.W_OK) else None,
            "timeout": 120,
            "graceful_timeout": 10,
            # At DEBUG, gunicorn would log whole paths, which may contain tokens.
            "loglevel": max(settings.log_level, "INFO", key=logging.getLevelName).lower(),
            "errorlog": "-",
            "logger_class": JSONLogger,
            "control_socket_disable": True,
            "when_ready": self._when_ready,
            "pre_fork": self._choose_cpu,
            "post_fork": self._begin_worker,
            "worker_exit": _close_services,
            "child_exit": _forget_worker,
        }.items():
            # An older gunicorn neither knows nor needs some of these settings.
            if name in self.cfg.settings:
                self.cfg.set(name, value)
        arguments = self.cfg.parser().parse_args(self.cfg.get_cmd_args_from_env())
        for name, value in vars(arguments).items():
            if value is not None and name in self.cfg.settings:
                self.cfg.set(name, value)

    def check_addresses(self) -> None:
        """Fail at once if an address is taken. gunicorn would try it several times first. Raises SystemExit."""
        if "GUNICORN_FD" in os.environ or "LISTEN_FDS" in os.environ:
            # The sockets are open already.
            return
        if self.cfg.reuse_port:
            # Other instances may have the same address.
            return
        for address in self.cfg.address:
            _check_address(address)

    def _when_ready(self, arbiter: Any) -> None:
        port = self._settings.metrics_port
        if port is not None:
            try:
                exporter.start(self._settings.metrics_host, port)
            except OSError as error:
                raise SystemExit(f"error: METRICS_PORT {port}: {reason(error)}") from None
        self._log_start()
        self.greeting()

    def _log_start(self) -> None:
        settings = self._settings
        nodes = ", ".join(parse_address(url).url for url in settings.couchdb_urls)
        log.info(
            "kazoo-connectivity %s listens on %s: %s, %s, %s",
            __version__,
            ", ".join(self.cfg.bind),
            counted(self.cfg.workers, "worker"),
            f"CouchDB {nodes}" if nodes else f"embedded store in {settings.data_dir}",
            "notices to RabbitMQ" if settings.amqp_url else "no AMQP_URL",
        )

    def _choose_cpu(self, arbiter: Any, worker: Any) -> None:
        """Choose the CPU with the fewest workers."""
        workers_on = Counter(other.cpu for other in arbiter.WORKERS.values())
        worker.cpu = min(self._cpus, key=workers_on.__getitem__, default=None)

    def _begin_worker(self, arbiter: Any, worker: Any) -> None:
        """Let a worker be ended, and pin it to its CPU."""
        for sign in ENDING_SIGNALS:
            signal.signal(sign, _end_at_once)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING_SIGNALS)
        # Only one of its threads runs at a time, and switching CPUs is slow.
        if worker.cpu is not None:
            with contextlib.suppress(OSError):
                os.sched_setaffinity(0, {worker.cpu})

    def load(self) -> Any:
        """The application for one worker.

        Everything created so far lives as long as the worker, so the garbage collector can ignore it.
        """
        app = create_app(
            services=make_services(self._settings, self._buckets, additions=self._additions, ending=self._ending)
        )
        gc.collect()
        gc.freeze()
        return app


def _check_address(address: Any) -> None:
    """Bind a socket to an address, and release it. Raises SystemExit with a line for the operator."""
    if not isinstance(address, tuple):
        return
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    try:
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address[:2])
    except OSError as error:
        host, port = address[:2]
        raise SystemExit(f"error: {host}, port {port}: {reason(error)}. PORT and HOST name another address") from None


def _raise_file_limit() -> int:
    """Let this process and its workers open as many files as the system allows. Returns the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return MOST_FILES
    limit = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft >= limit:
        return soft
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    except (OSError, ValueError):
        # macOS allows fewer than its hard limit says.
        return soft
    return limit


def _share_files(files: int, threads: int) -> tuple[int, int]:
    """How many threads and connections a worker can have if it may open this many files."""
    threads = max(1, min(threads, (files - FILES) // FILES_OF_A_THREAD))
    # Each connection may need a second file, for a large body or answer.
    return threads, max(8, min(MOST_CONNECTIONS, (files - FILES - threads * FILES_OF_A_THREAD) // 2))


def _usable_cpus() -> list[int]:
    """The usable CPUs in random order, so that several instances on a machine do not start with the same one."""
    cpus = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    return random.sample(cpus, len(cpus))


def _end_at_once(sign: int, frame: FrameType | None) -> None:
    """End a worker that has not served yet."""
    os._exit(0)


def _forget_worker(arbiter: Any, worker: Any) -> None:
    """Once a worker is gone, however it ended, no node is down for it any more."""
    metrics.process_ended(worker.pid)


def _close_services(arbiter: Any, worker: Any) -> None:
    """Send the remaining notices to the broker when a worker exits."""
    app = getattr(worker, "wsgi", None)
    if app is not None:
        app.extensions["services"].close()
