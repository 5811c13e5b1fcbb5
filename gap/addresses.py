"""Addresses of servers, in the words of those who read them."""

from __future__ import annotations


def library_address(celery: str) -> str:
    """The address of a Redis as its own library writes it, from Celery's: a socket, and the database in it."""
    return celery.replace("redis+socket://", "unix://").replace("virtual_host=", "db=")
