"""Constants of Kazoo 4.3's crossbar."""

VERSION = "4.3.143"
METHODS = ("GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS")
