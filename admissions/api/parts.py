"""What upper floors add to the answer «a stay»: this floor knows neither calls nor money.

An upper floor registers a name and a serializer; the serializer's `get_attribute(stay)` finds what it shows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rest_framework.serializers import Field

_PARTS: dict[str, Callable[[], Field[Any, Any, Any, Any]]] = {}


def register_stay_part(name: str, make_field: Callable[[], Field[Any, Any, Any, Any]]) -> None:
    """`make_field` gives a read-only field. Registering a name twice is the same as once."""
    _PARTS[name] = make_field


def stay_parts() -> dict[str, Field[Any, Any, Any, Any]]:
    return {name: make_field() for name, make_field in _PARTS.items()}
