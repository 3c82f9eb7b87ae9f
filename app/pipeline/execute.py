"""The write itself. If another writer was faster, the write is applied again to the fresh revision."""

import random
import time

from app import metrics
from app.context import Context, system_error
from app.store import Conflict

# How long a write keeps trying, and how long it waits between two attempts; in seconds.
PATIENCE = 5.0
SHORTEST_PAUSE, LONGEST_PAUSE = 0.02, 0.2


def execute(context: Context) -> None:
    """Let the resource write what it validated. Stops with 409 if another writer changed the document.

    Without If-Match the last writer wins: after a lost race the request is validated against the fresh revision
    and written again, for up to five seconds. With If-Match the client has chosen the revision, so there is no second
    attempt. A PUT has only one attempt, too.
    """
    retries = context.verb in ("POST", "PATCH", "DELETE") and context.header("if-match") is None
    deadline, pause = time.monotonic() + PATIENCE, SHORTEST_PAUSE
    while True:
        try:
            context.resource.execute(context, *context.params)
            return
        except Conflict:
            if not retries or time.monotonic() >= deadline:
                raise system_error(409, "datastore_conflict", {"message": "conflicting documents"}) from None
        metrics.write_retried()
        time.sleep(random.uniform(0, pause))
        pause = min(pause * 2, LONGEST_PAUSE)
        context.resource.validate(context, *context.params)
