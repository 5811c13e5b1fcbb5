"""Writes: one verb, one transaction. Screens and REST call the same functions."""
