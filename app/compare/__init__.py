"""Asks two servers the same, and tells where their answers differ.

`equality.py` says what is equal. `servers.py` logs in and sends requests. `walk.py` has the requests of an account.
`access_log.py` has those of a log. `reads.py` compares the answers to them. `writes.py` has a conversation that
writes.
"""
