"""The write itself. If another writer was faster, the write is applied again to the fresh revision."""

from app import contention, metrics
from app.crossbar.context import Context, conflict_error, empty
from app.store import Conflict


def execute(context: Context) -> None:
    """Let the resource write what it validated. A GET is already answered.

    Stops with 409 if another writer changed the document.
    Without If-Match the last writer wins: after a lost race the request is validated against the fresh revision
    and written again, for up to five seconds. If the client has chosen the revision with If-Match, there is no
    second attempt: its condition no longer holds, which is a 412. A PUT has only one attempt, too.
    """
    if context.verb == "GET" or _is_written(context):
        return
    if context.verb in ("POST", "PATCH", "DELETE"):
        if (context.header("if-match") or "*").strip() != "*":
            raise empty(412)
        with contention.turn(context.target):
            for _ in contention.attempts():
                metrics.write_retried()
                context.resource.validate(context, *context.params)
                if _is_written(context):
                    return
    raise conflict_error()


def _is_written(context: Context) -> bool:
    try:
        context.resource.execute(context, *context.params)
    except Conflict:
        return False
    return True
