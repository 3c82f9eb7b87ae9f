"""Asks two servers the same, and tells where their answers differ.

`equality.py` says what is equal, `servers.py` sends requests. `walk.py` has the requests of an account and
`access_log.py` those of a log; `reads.py` compares the answers to them. `writes.py` is a conversation that writes.
"""
