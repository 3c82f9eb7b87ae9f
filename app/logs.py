"""Logging: one line an event, with what a person needs to find the request. Never a secret."""

import logging
import sys


def configure_logging(level: str) -> None:
    """Send this service's log to standard error, from `level` on."""
    logging.basicConfig(
        level=level, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True
    )
    logging.getLogger("pika").setLevel(logging.CRITICAL)
