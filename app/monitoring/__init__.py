"""For operators: health, metrics, the access log and the last audit report."""
