"""The lists, one module a family of objects."""
