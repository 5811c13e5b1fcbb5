"""Fields of bodies. Their messages never repeat the value, and their bounds keep absurd dates out of the rules."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from rest_framework import serializers

_FIRST, _LAST = 1850, 2150
_BOUNDS = f"Cette date est hors des limites ({_FIRST} à {_LAST})."


class StrictSerializer(serializers.Serializer[Any]):
    """A body whose unknown members are refused: a name typed wrong is not a wish to leave the value as it was."""

    def to_internal_value(self, data: Any) -> Any:
        errors: dict[str, Any] = {}
        if isinstance(data, Mapping):
            known = {name for name, field in self.fields.items() if not field.read_only}
            # Shown as ASCII: a program that sends half a character must still read its error.
            errors = {
                str(name).encode("ascii", "backslashreplace").decode()[:60]: ["Ce champ n’est pas connu ici."]
                for name in data
                if name not in known
            }
        try:
            value = super().to_internal_value(data)
        except serializers.ValidationError as problem:
            if isinstance(problem.detail, dict):
                raise serializers.ValidationError({**problem.detail, **errors}) from None
            raise
        if errors:
            raise serializers.ValidationError(errors)
        return value


class Choice(serializers.ChoiceField):
    """One of the codes, told again when the value is none of them."""

    def __init__(self, choices: Any, **options: Any) -> None:
        super().__init__(choices, **options)
        codes = ", ".join(str(code) for code in self.choices)
        self.error_messages["invalid_choice"] = f"Cette valeur n’est pas connue. Valeurs admises : {codes}."


class Day(serializers.DateField):
    """A calendar day, AAAA-MM-JJ."""

    default_error_messages = {"bounds": _BOUNDS}

    def to_internal_value(self, value: Any) -> date:
        day = super().to_internal_value(value)
        if not _FIRST <= day.year <= _LAST:
            self.fail("bounds")
        return day


class Instant(serializers.DateTimeField):
    """An instant with its offset (ISO 8601): twice a year an hour without one says nothing, or says it twice."""

    default_error_messages = {
        "bounds": _BOUNDS,
        "offset": "Donnez le décalage horaire : 2026-12-01T08:00:00+01:00, par exemple.",
    }

    def enforce_timezone(self, value: datetime) -> datetime:
        if value.tzinfo is None:
            self.fail("offset")
        return super().enforce_timezone(value)

    def to_internal_value(self, value: Any) -> datetime:
        instant = super().to_internal_value(value)
        if not _FIRST <= instant.year <= _LAST:
            self.fail("bounds")
        return instant


class Amount(serializers.DecimalField):
    """Euros, two decimals: a string on the way out («12.50»), a string or a number on the way in."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_digits=12, decimal_places=2, **options)

    def to_internal_value(self, data: Any) -> Decimal:
        if isinstance(data, bool):
            self.fail("invalid")
        return super().to_internal_value(data)


class Version(serializers.IntegerField):
    """The version that was read; a write on any other one is refused (409)."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("help_text", "Version lue. Si la ressource a changé depuis : 409, rien n’est écrasé.")
        super().__init__(min_value=0, max_value=2_147_483_647, **options)
