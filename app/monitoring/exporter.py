"""Serves the metrics of `app/metrics.py` to Prometheus on a separate port."""

import threading

import waitress

from app import metrics

SECONDS_IDLE = 10
MOST_CONNECTIONS = 1000


def start(host: str, port: int) -> None:
    """Serve /metrics, summed over all workers, from a thread in this process. Raises OSError."""
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
