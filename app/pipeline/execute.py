"""The write itself, applied again to a fresh revision where another writer came first."""

import random
import time

from app import metrics
from app.context import Context, system_error
from app.store import Conflict

ATTEMPTS = 8
LONGEST_PAUSE = 0.02


def execute(context: Context) -> None:
    """Let the resource do what it validated. Stops with 409 where the document moved on.

    Without If-Match the last writer wins, so a lost race is a request that has to be validated against what
    is there now. With If-Match the client has said which revision it means.
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
