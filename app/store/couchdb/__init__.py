"""The store on CouchDB. `store.py` has the operations; `cluster.py` chooses a node, `session.py` asks it."""
