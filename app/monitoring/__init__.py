"""What operators watch: health, metrics, the access log and the last audit."""
