"""The building blocks of resources: the context, admission checks, documents and defaults."""
