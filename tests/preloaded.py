"""What every command and service needs, for the process from which `tests.forks` forks them."""

import gc

import app.commands
import app.server  # noqa: F401
from app.store.embedded.collation import sort_key

# Reads the tables of Unicode's collation.
sort_key("a")
# What is here stays, so that no forked process looks through it.
gc.freeze()
