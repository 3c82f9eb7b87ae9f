"""Keeps replaced versions of trunks, so that they can be shown and restored.

`versions.py` stores them in separate databases. `timeline.py` turns them into a history.
"""
