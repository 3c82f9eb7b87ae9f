"""The console: pages for people who keep trunks. They talk to the API over HTTP alone.

`static/` has the page and its modules, which browsers run as they are. Nothing else of `app` is used here.
"""
