"""What nouns are built with: the context, admission, documents and the defaults of a resource."""
