"""Writes the document. If another writer was faster, applies the write again to the new revision."""

from app import contention, metrics
from app.crossbar.context import Context, conflict_error, empty
from app.store import Conflict


def execute(context: Context) -> None:
    """Let the resource write what it validated. A GET has already been answered.

    Without If-Match the last writer wins. After a lost race, the request is validated against the new revision and
    written again, for up to five seconds. Then it stops with 409. If the client chose the revision with If-Match,
    there is no second attempt: the condition no longer holds, so it stops with 412. A PUT has only one attempt.
    """
    if context.verb == "GET":
        return
    is_conditional = (context.header("if-match") or "*").strip() != "*"
    may_retry = context.verb != "PUT" and not is_conditional
    # While another thread tries again, a newcomer would only make it lose once more.
    if not (may_retry and contention.is_contended(context.target)) and _is_written(context):
        return
    if not may_retry:
        raise conflict_error() if context.verb == "PUT" else empty(412)
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
