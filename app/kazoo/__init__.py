"""What Kazoo does with JSON and with integers, and its constants. No I/O."""
