"""About this service: `/about`, for superduper admins, and `/accounts/{ACCOUNT_ID}/about`.

Spec: docs/kazoo/http.md, section 10.
"""

import platform
import resource
import threading

from app.crossbar.context import Context
from app.crossbar.resource import Resource
from app.kazoo.constants import VERSION


class About(Resource):
    """Facts about this process, under the names that Kazoo uses for its own process."""

    METHODS = {0: ("GET",)}

    def validate(self, context: Context, *params: str) -> None:
        """Answer with versions, peak memory in bytes, threads (`processes`) and workers (`ports`)."""
        context.respond(
            {
                "version": VERSION,
                "used_memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
                "processes": threading.active_count(),
                "ports": context.services.settings.workers,
                "erlang_version": f"none; Python {platform.python_version()}",
            }
        )
