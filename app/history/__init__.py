"""Keeps the versions of trunks that writes replace, so that they can be shown and put back.

`versions.py` stores them in databases of their own, `timeline.py` makes a history of them.
"""
