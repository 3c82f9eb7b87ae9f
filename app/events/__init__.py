"""Notices that flush the caches of other Kazoo nodes (docs/kazoo/documents.md, section 9)."""
