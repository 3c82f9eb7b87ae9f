"""The store in a SQLite file, with CouchDB's views."""
