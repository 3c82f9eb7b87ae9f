"""The HTTP server: gunicorn's processes, with a worker that hands whole requests to threads (docs/worker.md).

`reader.py` makes requests of bytes, `answer.py` makes bytes of answers, `connection.py` holds what is known of one
client, and `worker.py` decides who waits for what.
"""
