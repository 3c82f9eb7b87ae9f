"""Numbers and whose they are (documents.md section 7)."""
