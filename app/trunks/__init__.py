"""The operations on trunks (`service.py`), independent of HTTP requests."""
