"""Sends the same requests to two servers and reports where their answers differ.

`equality.py` decides what counts as equal. `servers.py` logs in and sends requests. `walk.py` lists the requests for
an account, `access_log.py` those in a log. `reads.py` compares the answers to both. `writes.py` has a scripted
conversation that writes.
"""
