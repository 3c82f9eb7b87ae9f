"""Runs the resource's own checks (docs/kazoo/http.md, section 8)."""

from app.crossbar.context import Context


def validate(context: Context) -> None:
    """Let the resource fill in `doc` and the answer. It may stop with its own errors."""
    context.resource.validate(context, *context.params)
