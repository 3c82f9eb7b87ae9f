"""Notices that flush the caches of other Kazoo nodes (documents.md section 9)."""
