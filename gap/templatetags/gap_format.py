"""What screens write: amounts, dates, delays and identifiers, the French way. Pure functions, all usable as filters.

No-break spaces everywhere between a number and its unit, and between thousands: the same ones that Django's French
localisation emits, so that a figure looks the same however it was formatted. Nothing to show is an en dash.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any, Final

from django import template
from django.utils import timezone

from gap.lists import Total
from gap.text import NARROW_NBSP, NBSP, format_date, format_euros, format_long_date

register = template.Library()

NOTHING: Final = "–"
_WEEKDAYS: Final = ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche")
_SECONDS: Final = {"j": 86_400, "h": 3_600, "min": 60}


def _absent(value: Any) -> bool:
    return value is None or value == ""


def _decimal(value: Any) -> Decimal:
    """The number in `value` (int, Decimal, text, or a float taken by its shortest writing). Raises ValueError."""
    try:
        number = Decimal(str(value))
    except InvalidOperation as error:
        raise ValueError("Not a number.") from error
    if not number.is_finite():
        raise ValueError("Not a finite number.")
    return number


def _grouped(number: Decimal, places: int) -> str:
    rounded = number.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)
    sign = "−" if rounded < 0 else ""
    return sign + f"{abs(rounded):,.{places}f}".replace(",", NBSP).replace(".", ",")


def _local(value: date | datetime) -> date | datetime:
    """An aware instant in the zone of the hospital; a day or a naive instant as it is."""
    return timezone.localtime(value) if isinstance(value, datetime) and timezone.is_aware(value) else value


def _day(value: date | datetime) -> date:
    local = _local(value)
    return local.date() if isinstance(local, datetime) else local


# ---- amounts and numbers ----


@register.filter
def euros(value: Decimal | int | str | None) -> str:
    """Decimal("1234.5") → « 1 234,50 € ». Raises TypeError for a float, as money never is one."""
    return NOTHING if _absent(value) else format_euros(value).replace(NARROW_NBSP, NBSP)  # type: ignore[arg-type]


@register.filter
def amount(value: Decimal | int | str | None) -> str:
    """An amount where a column head already says euros: « 1 234,50 »."""
    return NOTHING if _absent(value) else format_euros(value, symbol=False).replace(NARROW_NBSP, NBSP)  # type: ignore[arg-type]


@register.filter
def euros_short(value: Decimal | int | None) -> str:
    """An amount for a picture, three significant figures: « 8,22 M€ », « 118 k€ », « 7,5 k€ », « 940 € »."""
    if _absent(value):
        return NOTHING
    number = _decimal(value)
    for size, unit in ((Decimal(1_000_000), "M€"), (Decimal(1_000), "k€")):
        if abs(number) >= size:
            scaled = number / size
            places = 2 if abs(scaled) < 10 and unit == "M€" else 1 if abs(scaled) < 100 else 0
            if unit == "k€" and abs(scaled) >= 10:
                places = 0
            return _grouped(scaled, places) + NBSP + unit
    return _grouped(number, 0) + f"{NBSP}€"


@register.filter
def number(value: Decimal | int | float | None, places: int = 0) -> str:
    """41280 → « 41 280 »; with places, 6.25 → « 6,3 »."""
    return NOTHING if _absent(value) else _grouped(_decimal(value), places)


@register.filter
def percent(value: Decimal | int | float | None, places: int = 1) -> str:
    """A rate already in percent: 96.8 → « 96,8 % »."""
    return NOTHING if _absent(value) else _grouped(_decimal(value), places) + f"{NBSP}%"


@register.filter
def counted(value: int | Total, words: str) -> str:
    """A number and its noun, agreed the French way (0 and 1 are singular): 12|counted:"dossier,dossiers"; or a list's
    total, « plus de 10 000 dossiers »."""
    one, _, many = words.partition(",")
    if isinstance(value, Total):
        return f"{value}{NBSP}{(many or one + 's') if value.count >= 2 else one}"
    return f"{_grouped(_decimal(value), 0)}{NBSP}{(many or one + 's') if value >= 2 else one}"


# ---- days and hours ----


@register.filter
def short_date(value: date | datetime | None) -> str:
    """« 21/11/2026 », in the zone of the hospital."""
    return format_date(_day(value)) if value else NOTHING


@register.filter
def long_date(value: date | datetime | None) -> str:
    """« samedi 21 novembre 2026 »."""
    return f"{_WEEKDAYS[_day(value).weekday()]} {format_long_date(_day(value))}" if value else NOTHING


@register.filter
def day_month(value: date | datetime | None) -> str:
    """« 21/11 », where the year is obvious."""
    return f"{_day(value):%d/%m}" if value else NOTHING


@register.filter
def clock(value: datetime | None) -> str:
    """« 14:05 », in the zone of the hospital."""
    return f"{_local(value):%H:%M}" if value else NOTHING


@register.filter
def date_clock(value: datetime | None) -> str:
    """« 21/11/2026 14:05 »."""
    return f"{short_date(value)}{NBSP}{clock(value)}" if value else NOTHING


@register.filter
def day_clock(value: datetime | None) -> str:
    """« 21/11 14:05 »."""
    return f"{day_month(value)}{NBSP}{clock(value)}" if value else NOTHING


def moment_text(value: date | datetime, today: date) -> str:
    """The shortest unmistakable writing of an instant: the hour today, else « hier », « 18/11 », « 18/11/2025 »."""
    day = _day(value)
    if day == today:
        return clock(value) if isinstance(value, datetime) else "aujourd’hui"
    if day == today - timedelta(days=1):
        return "hier"
    return day_month(value) if day.year == today.year else short_date(value)


@register.filter
def moment(value: date | datetime | None) -> str:
    """`moment_text` as of today."""
    return moment_text(value, timezone.localdate()) if value else NOTHING


def since_text(elapsed: timedelta) -> str:
    """One unit, rounded down: « 2 j », « 4 h », « 49 min », « à l’instant » under a minute (or in the future)."""
    seconds = int(elapsed.total_seconds())
    for unit, size in _SECONDS.items():
        if seconds >= size:
            return f"{_grouped(Decimal(seconds // size), 0)}{NBSP}{unit}"
    return "à l’instant"


@register.filter
def since(value: date | datetime | timedelta | None) -> str:
    """How long ago: `since_text` of the time elapsed. A day alone counts in whole days (« aujourd’hui », « 2 j »)."""
    if value is None or value == "":
        return NOTHING
    if isinstance(value, timedelta):
        return since_text(value)
    if isinstance(value, datetime):
        return since_text(timezone.now() - value)
    days = (timezone.localdate() - value).days
    return since_text(timedelta(days=days)) if days > 0 else "aujourd’hui"


@register.filter
def duration(value: timedelta | Decimal | float | int | None) -> str:
    """How long it took, seconds or timedelta: « 0,4 s », « 12 s », « 2 min 05 s », « 1 h 12 min »."""
    if _absent(value):
        return NOTHING
    seconds = _decimal(value.total_seconds() if isinstance(value, timedelta) else value)
    if seconds < Decimal("0.05"):
        return f"moins de 0,1{NBSP}s"
    if seconds < Decimal("9.95"):
        return f"{_grouped(seconds, 1)}{NBSP}s"
    whole = int(seconds.quantize(Decimal(1), rounding=ROUND_HALF_UP))
    if whole < 60:
        return f"{whole}{NBSP}s"
    if whole < 3600:
        return f"{whole // 60}{NBSP}min{NBSP}{whole % 60:02d}{NBSP}s"
    return f"{whole // 3600}{NBSP}h{NBSP}{whole % 3600 // 60:02d}{NBSP}min"


# ---- persons and identifiers ----


def age_text(birth: date, today: date) -> str:
    """« 42 ans »; months under two years, days under one month. A birth to come is said as it is."""
    if birth > today:
        return "à naître"
    months = (today.year - birth.year) * 12 + today.month - birth.month - (today.day < birth.day)
    if months >= 24:
        return f"{months // 12}{NBSP}ans"
    if months:
        return f"{months}{NBSP}mois"
    days = (today - birth).days
    return f"{days}{NBSP}jour{'s' if days >= 2 else ''}"


@register.filter
def age(value: date | None) -> str:
    """`age_text` as of today."""
    return age_text(value, timezone.localdate()) if value else NOTHING


@register.filter
def nir(value: str | None) -> str:
    """A NIR, with or without its key, in the groups of the card: « 2 84 05 35 238 117 78 ». Other texts as they are."""
    if not value:
        return NOTHING
    text = "".join(str(value).split())
    if len(text) not in (13, 15):
        return str(value)
    return NBSP.join(filter(None, (text[0], text[1:3], text[3:5], text[5:7], text[7:10], text[10:13], text[13:])))


@register.filter
def amc_number(value: str | None) -> str:
    """The ten digits of an AMC number: « 0044 817 205 ». Other texts as they are."""
    text = str(value or "")
    return NBSP.join((text[:4], text[4:7], text[7:])) if len(text) == 10 else text or NOTHING


@register.filter
def identifier(value: str | int | None) -> str:
    """An IPP, an IEP, a number of invoice: as it is, never grouped as a quantity would be."""
    return NOTHING if _absent(value) else str(value)
