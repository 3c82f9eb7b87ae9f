"""The resource's own checks, and what it loads for them (docs/kazoo/http.md, section 8)."""

from app.crossbar.context import Context


def validate(context: Context) -> None:
    """Let the resource fill in `doc` and its answer. It stops with its own errors."""
    context.resource.validate(context, *context.params)
