"""Phone numbers, their owners and their features (docs/kazoo/documents.md, section 7)."""
