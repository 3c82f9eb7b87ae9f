"""How Kazoo handles JSON and integers, and its constants. No I/O."""
