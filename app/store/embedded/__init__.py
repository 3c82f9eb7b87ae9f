"""The store in a SQLite file, with the views of CouchDB."""
