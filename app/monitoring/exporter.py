"""Serves the counts of `app/metrics.py` to Prometheus, on a port of its own."""

import threading

import waitress

from app import metrics

SECONDS_IDLE = 10
MOST_CONNECTIONS = 1000


def start(host: str, port: int) -> None:
    """Serve /metrics, with the sums over all workers, in a thread of this process. Raises OSError."""
    from prometheus_client import make_wsgi_app

    server = waitress.create_server(
        make_wsgi_app(metrics.registry()),
        host=host,
        port=port,
        threads=1,
        connection_limit=MOST_CONNECTIONS,
        channel_timeout=SECONDS_IDLE,
        cleanup_interval=1,
        asyncore_use_poll=True,
        ident=None,
    )
    threading.Thread(target=server.run, name="metrics", daemon=True).start()
