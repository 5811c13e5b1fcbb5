"""Days and hours as people type them: 17/05/1984, 17051984, 17.05.84; with hours or not."""

from __future__ import annotations

import re
from datetime import date, datetime, time
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone

_DATE = re.compile(r"(\d{1,2})[/.\- ]?(\d{2})[/.\- ]?(\d{4}|\d{2})$")
_HOUR = re.compile(r"(\d{1,2})\s*[:hH]\s*(\d{2})?$|(\d{2})(\d{2})$")


def read_date(text: str, *, past: bool = False) -> date:
    """A date as people type it. Two figures of a year are of the past century when `past` and they would be to come.

    Raises ValueError.
    """
    found = _DATE.fullmatch(text.strip())
    if not found:
        raise ValueError("Not a date.")
    day, month, year = (int(part) for part in found.groups())
    if year < 100:
        year += 2000
        if past and date(year, month, min(day, 28)) > timezone.localdate():
            year -= 100
    return date(year, month, day)


class DayField(forms.CharField):
    """A day, typed. The problem says what was expected, never a guess."""

    def __init__(self, *, past: bool = False, **options: Any) -> None:
        self.past = past
        super().__init__(**options)
        self.widget.attrs |= {
            "inputmode": "numeric",
            "autocomplete": "off",
            "class": "num",
            "placeholder": "jj/mm/aaaa",
        }

    def prepare_value(self, value: Any) -> Any:
        return f"{value:%d/%m/%Y}" if isinstance(value, date) else value

    def to_python(self, value: Any) -> Any:
        if isinstance(value, date):
            return value
        text = super().to_python(value)
        if not text:
            return None
        try:
            return read_date(text, past=self.past)
        except ValueError:
            raise ValidationError(
                "Cette date n’existe pas.",
                params={"kept": "Votre saisie est gardée.", "next": "Écrivez-la jj/mm/aaaa, avec ou sans barres."},
            ) from None

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.prepare_value(initial), data)


class MomentField(forms.CharField):
    """A day and an hour, typed: « 21/11/2026 14:00 », « 211126 1400 »; a day alone is midnight, an hour alone today."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.widget.attrs |= {"autocomplete": "off", "class": "num", "placeholder": "jj/mm/aaaa hh:mm"}

    def prepare_value(self, value: Any) -> Any:
        return f"{timezone.localtime(value):%d/%m/%Y %H:%M}" if isinstance(value, datetime) else value

    def to_python(self, value: Any) -> Any:
        if isinstance(value, datetime):
            return value
        text = (super().to_python(value) or "").replace(" à ", " ").strip()
        if not text:
            return None
        try:
            return timezone.make_aware(self._read(text))
        except ValueError:
            raise ValidationError(
                "Cette date et cette heure ne se lisent pas.",
                params={"kept": "Votre saisie est gardée.", "next": "Écrivez jj/mm/aaaa hh:mm."},
            ) from None

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.prepare_value(initial), data)

    @staticmethod
    def _read(text: str) -> datetime:
        head, _, tail = text.rpartition(" ")
        if not head:
            # « 14:30 » is an hour of today; anything else is a day.
            found = _HOUR.fullmatch(tail) if ":" in tail or "h" in tail.lower() else None
            if found:
                return datetime.combine(timezone.localdate(), _hour(found))
            return datetime.combine(read_date(tail), time.min)
        found = _HOUR.fullmatch(tail)
        if not found:
            raise ValueError("Not an hour.")
        return datetime.combine(read_date(head), _hour(found))


def _hour(found: re.Match[str]) -> time:
    return time(int(found.group(1) or found.group(3)), int(found.group(2) or found.group(4) or 0))
