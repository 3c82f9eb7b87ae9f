"""Serves the counts of `app/metrics.py` to Prometheus, on a port of its own."""

import contextlib
import socket
import socketserver
import threading
from typing import Any
from wsgiref import simple_server

from app import metrics

MOST_SCRAPES = 16


def start(host: str, port: int) -> None:
    """Serve /metrics, with the sums over all workers, on a port of its own. Raises OSError.

    The server is a thread of this process.
    """
    from prometheus_client import make_wsgi_app

    server_class = _ExporterOnIPv6 if ":" in host else _Exporter
    server = simple_server.make_server(host, port, make_wsgi_app(metrics.registry()), server_class, _SilentHandler)
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()


class _SilentHandler(simple_server.WSGIRequestHandler):
    """Logs nothing, and waits five seconds for a client's bytes."""

    timeout = 5

    def log_message(self, format: str, *args: object) -> None:
        """A scrape is no news."""


class _Exporter(socketserver.ThreadingMixIn, simple_server.WSGIServer):
    """Answers each connection in a thread of its own. If there are too many, the oldest ones are closed."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, *args: Any, **options: Any):
        self._open: dict[Any, None] = {}
        super().__init__(*args, **options)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer a connection."""
        self._open[request] = None
        for oldest in list(self._open)[:-MOST_SCRAPES]:
            self._open.pop(oldest, None)
            with contextlib.suppress(OSError):
                oldest.shutdown(socket.SHUT_RDWR)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """The end of a connection."""
        self._open.pop(request, None)
        super().shutdown_request(request)


class _ExporterOnIPv6(_Exporter):
    address_family = socket.AF_INET6
