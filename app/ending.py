"""Whether this instance is about to stop. A load balancer that asks is told, so that it sends no new connections.

The process that starts the workers says it, and they know it at once, because they share memory.
"""

import mmap


class Ending:
    """What one instance knows of its end. It is made before the workers are forked."""

    def __init__(self) -> None:
        self._flag = mmap.mmap(-1, 1)

    def announce(self) -> None:
        """The instance will stop soon."""
        self._flag[0] = 1

    @property
    def is_near(self) -> bool:
        """Whether it will."""
        return bool(self._flag[0])
