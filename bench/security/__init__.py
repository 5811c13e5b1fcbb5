"""`make security`: everything that holds the promises of docs/security.md, run together, as one table."""
