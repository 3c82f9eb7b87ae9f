"""Sends the same requests to two servers and reports where their answers differ.

`equality.py` decides what counts as equal, and `known.py` recognises differences that docs/deviations.md lists.
`servers.py` logs in and sends requests, over the connections of `session.py`. `walk.py` lists the requests for an
account, `access_log.py` those in a log. `reads.py` compares the answers to both. `writes.py` has a scripted
conversation that writes; `conversation.py` plays it.
"""
