"""The connectivity API of Kazoo 4.3's crossbar, in Python."""

__version__ = "1.0.0"
