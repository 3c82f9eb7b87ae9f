"""What answers here: `/about`, for superduper admins, and `/accounts/{ACCOUNT_ID}/about`.

Spec: docs/kazoo/http.md, section 10.
"""

import platform
import resource
import threading

from app.context import Context
from app.kazoo import VERSION
from app.resources.base import Resource


class About(Resource):
    """Facts about this process, under the names Kazoo's have."""

    METHODS = {0: ("GET",)}

    def validate(self, context: Context, *params: str) -> None:
        """Answer with version, memory in bytes, threads, and what it runs on."""
        context.respond(
            {
                "version": VERSION,
                "used_memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
                "processes": threading.active_count(),
                "ports": context.services.settings.workers,
                "erlang_version": f"none; Python {platform.python_version()}",
            }
        )
