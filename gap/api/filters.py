"""Filters of lists."""

from __future__ import annotations

from datetime import date
from typing import Any

import django_filters
from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db.models import QuerySet

_DAYS: list[Any] = [
    MinValueValidator(date(1850, 1, 1), "Cette date est hors des limites."),
    MaxValueValidator(date(2150, 12, 31), "Cette date est hors des limites."),
]


class _DayField(forms.DateField):
    default_validators = _DAYS

    def __init__(self, **options: Any) -> None:
        super().__init__(input_formats=["%Y-%m-%d"], **options)


class DayFilter(django_filters.DateFilter):
    """A day, AAAA-MM-JJ, between bounds that no arithmetic overflows."""

    field_class = _DayField


class NumberFilter(django_filters.CharFilter):
    """An identifier of nine digits (IPP, IEP, invoice)."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        validator = RegexValidator(r"^[0-9]{9}\Z", "Neuf chiffres sont attendus.")
        super().__init__(*arguments, validators=[validator], **options)


class StableOrderingFilter(django_filters.OrderingFilter):
    """Orders as asked, then by age of the row: a row is never on two pages."""

    def filter(self, qs: QuerySet[Any], value: Any) -> QuerySet[Any]:
        if not value:
            return qs
        ordering = [self.get_ordering_value(param) for param in value if param]
        return qs.order_by(*ordering, "-pk")
