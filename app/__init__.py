"""The connectivity API of Kazoo 4.3's crossbar, in Python."""
