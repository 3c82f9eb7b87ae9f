"""`make storm`: whether writes get lost on a CouchDB cluster while its nodes fail.

`clients.py` has what writes, `check.py` what must hold afterwards, `__main__.py` what happens when.
"""
