"""A trunk's life (`service.py`), without requests: what is saved, kept, told to other nodes and marked."""
