"""The API as an OpenAPI 3.1 document, and the page that shows it: `/openapi.json` and `/docs`.

`table.py` describes each path. Methods come from the resources (`app/resources`), bodies from the files in
`schemas/`, and examples from `examples.json`, which `python -m tests.openapi_examples` records.
"""
