"""The console: pages for people who manage trunks. They use the API over HTTP only.

`static/` has the page and its JavaScript modules, which need no build step.
"""
