"""The store on CouchDB. `store.py` has the operations; `cluster.py` chooses a node, and `session.py` talks to it."""
