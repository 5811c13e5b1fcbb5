"""A whole hospital kept elsewhere, and brought back (docs/adr/0016-falls.md).

`manifest`: what a backup says of itself. `programs`: PostgreSQL's own. `making`, `restoring`: one each way.
"""
