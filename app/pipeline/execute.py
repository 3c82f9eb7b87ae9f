"""The write itself. If another writer was faster, the write is applied again to the fresh revision."""

import random
import time

from app import metrics
from app.context import Context, system_error
from app.store import Conflict

ATTEMPTS = 8
LONGEST_PAUSE = 0.02


def execute(context: Context) -> None:
    """Let the resource write what it validated. Stops with 409 if another writer changed the document.

    Without If-Match the last writer wins: after a lost race the request is validated against the fresh revision
    and written again. With If-Match the client has chosen the revision, so there is no second attempt. A PUT has
    only one attempt, too.
    """
    retries = context.verb in ("POST", "PATCH", "DELETE") and context.header("if-match") is None
    for attempt in range(ATTEMPTS if retries else 1):
        if attempt:
            metrics.write_retried()
            time.sleep(random.uniform(0, LONGEST_PAUSE * attempt))
            context.resource.validate(context, *context.params)
        try:
            context.resource.execute(context, *context.params)
            return
        except Conflict:
            continue
    raise system_error(409, "datastore_conflict", {"message": "conflicting documents"})
