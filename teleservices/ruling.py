"""The dated rules of the calls: which is in force on a day, and how a référent changes one.

A version is never rewritten once its day has come: what was done under it stays explained.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, TypeVar

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.models import User
from admissions.errors import Refused
from gap.locks import hold_for_transaction
from teleservices.enums import LimitName, PerimeterMode
from teleservices.models import CallLimit, Perimeter, RetryPolicy
from teleservices.models.catalogue import Dated

#: Before anything was written here.
FIRST_DAY = date(2020, 1, 1)
Rule = TypeVar("Rule", bound=Dated)


def in_force(model: type[Rule], day: date | None = None) -> QuerySet[Rule]:
    """The versions in force on a day, today unless said."""
    day = day or timezone.localdate()
    rows: QuerySet[Rule] = model._default_manager.filter(valid_from__lte=day)
    return rows.filter(Q(valid_until__isnull=True) | Q(valid_until__gte=day))


def limit(name: LimitName) -> int:
    """The value in force today, in the unit that its name says."""
    return in_force(CallLimit).values_list("value", flat=True).get(name=name)


def change_limit(user: User | None, name: LimitName, value: int, since: date) -> CallLimit:
    """A new value from a day on. Raises Refused when the day is past, or a later version is planned."""
    return _change(CallLimit, {"name": name}, {"value": value}, user, since)


def change_retry(user: User | None, cause: str, since: date, **values: Any) -> RetryPolicy:
    """New delays for a cause from a day on. Raises Refused as `change_limit` does, or for a cause nobody knows."""
    return _change(RetryPolicy, {"cause": cause}, values, user, since)


@transaction.atomic
def change_perimeter(user: User, establishment_id: int, domain: str, mode: str, since: date) -> Perimeter:
    """A new mode of a domain from a day on; its first, if nothing was ever decided. Raises Refused as `change_limit`."""
    hold_for_transaction("call_rules", wait=True)
    key = {"establishment_id": establishment_id, "domain": domain}
    if not Perimeter.objects.filter(**key).exists():
        # Until then it was open to all: the day before is told as it was.
        Perimeter.objects.create(**key, mode=PerimeterMode.ALL, valid_from=FIRST_DAY, applied_at=timezone.now())
    return _change(Perimeter, key, {"mode": mode, "applied_at": None}, user, since)


@transaction.atomic
def _change(model: type[Rule], key: dict[str, Any], values: dict[str, Any], user: User | None, since: date) -> Rule:
    if since < timezone.localdate():
        raise Refused("La date d’effet est passée : ce qui a été fait ne change plus.", field="since")
    hold_for_transaction("call_rules", wait=True)
    current = model._default_manager.select_for_update().filter(**key, valid_until__isnull=True).first()
    if current is None:
        raise Refused("Cette règle n’existe pas.")
    if current.valid_from > since:
        raise Refused(
            f"Une version est déjà prévue au {current.valid_from:%d/%m/%Y}.",
            todo="Choisissez cette date, ou une date d’après.",
            field="since",
        )
    written = {"changed_by": user, "changed_at": timezone.now()}
    if current.valid_from == since:
        # It begins the same day: one version a day is enough to explain what was done.
        for name, value in (values | written).items():
            setattr(current, name, value)
        current.save()
        return current
    kept = {field.name: getattr(current, field.name) for field in model._meta.concrete_fields if not field.primary_key}
    current.valid_until = since - timedelta(days=1)
    current.save(update_fields=["valid_until"])
    return model._default_manager.create(**kept | values | written | {"valid_from": since, "valid_until": None})
