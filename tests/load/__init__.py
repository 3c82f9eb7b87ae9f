"""Programs that load a service: `make bench`, `make hostile`, `make storm`."""
