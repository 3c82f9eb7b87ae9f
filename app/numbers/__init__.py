"""Numbers and whose they are (docs/kazoo/documents.md, section 7)."""
