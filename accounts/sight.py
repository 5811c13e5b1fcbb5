"""What of the dossiers somebody sees: one establishment, whole or some of its services."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

from django.db.models import Q


@dataclass(frozen=True, slots=True)
class Sight:
    """`services`: codes of the functional units seen, None for all of them."""

    establishment: int
    services: tuple[str, ...] | None = None

    @property
    def whole(self) -> bool:
        return self.services is None


#: A Sight; or the key of an establishment seen whole, which may be an expression (a text that is written once).
Here: TypeAlias = Any


def seen(here: Here, path: str = "") -> Q:
    """The condition of the rows that `here` sees, for a model that leads to its stay by `path` (`""`, `"stay__"`…).

    A stay stands in the service where the patient is, or was last.
    """
    if not isinstance(here, Sight):
        return Q(**{f"{path}establishment": here})
    condition = Q(**{f"{path}establishment": here.establishment})
    if here.services is not None:
        condition &= Q(**{f"{path}unit__code__in": here.services})
    return condition


def seen_whole(here: Here) -> Any:
    """The establishment's key, for rows that belong to no service. Nobody sees them who sees some services only."""
    if not isinstance(here, Sight):
        return here
    return here.establishment if here.whole else None
