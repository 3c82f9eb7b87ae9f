"""What people read of errors and counts."""


def reason(error: BaseException) -> str:
    """Why something failed, in the system's words where it has some, without the names of Python's classes."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            return f"{cause.filename}: {cause.strerror}" if cause.filename else cause.strerror
        if isinstance(cause, TimeoutError):
            return "timed out"
        cause = cause.__cause__ or cause.__context__
    return str(error) or "no reason given"


def counted(count: int, noun: str) -> str:
    """A count and its noun: ``1 repair``, ``2 repairs``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def differ(count: int, noun: str) -> str:
    """How many differ: ``1 answer differs``, ``2 answers differ``."""
    return f"{counted(count, noun)} {'differs' if count == 1 else 'differ'}"
