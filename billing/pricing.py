"""From a stay as it stands to its priced lines."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import date, timedelta

from django.utils import timezone

from admissions.amo import rights_of
from admissions.enums import DischargeMode, Domain, StayKind
from admissions.models import Movement, Stay
from admissions.querysets import care_date
from billing.rules.split import Extra, Line, Nights, NotDecided, split_full_stay, split_without_nights
from billing.tariffs import TariffBook
from teleservices.messages import ServiceLine

_RATES = {"TM_SEJ", "TM_ACE", "TM_MAX", "FJH", "FJP"}


@dataclass(frozen=True, slots=True)
class Period:
    """Days that are priced: entry, and exit (planned or assumed while the patient is here)."""

    first: date
    last: date
    final: bool


def period_of(stay: Stay) -> Period:
    """The exit is real, else planned, else assumed: tomorrow at least for a stay with nights, the same day without."""
    first = care_date(stay)
    if stay.ended_at:
        return Period(first, timezone.localdate(stay.ended_at), final=True)
    nights = stay.kind == StayKind.FULL
    planned = timezone.localdate(stay.planned_end_at) if stay.planned_end_at else first
    least = first + timedelta(days=1) if nights else first
    today = timezone.localdate() if stay.started_at else first
    return Period(first, max(planned, least, today if nights else first), final=False)


def price(stay: Stay) -> list[Line]:
    """Priced lines of the stay, AMO part apart. Empty when there is nothing to bill yet. Raises NotDecided."""
    rights = rights_of(stay)
    if rights is not None and not rights.ordinary:
        what = ", ".join(label for label, _ in rights.words)
        raise NotDecided(f"Droits particuliers ({what})\u00a0: leur règle n’est pas encore en service ici.")
    period = period_of(stay)
    movements = list(stay.movements.select_related("unit"))
    activities = list(stay.activities.select_related("item"))
    requests = list(stay.requests.all())
    codes = _RATES | {movement.unit.tariff_code for movement in movements} | {stay.unit.tariff_code}
    codes |= {activity.item.code for activity in activities} | {request.code for request in requests}
    book = TariffBook(codes - {""}, period.first - timedelta(days=366), period.last)
    extras = [
        Extra(
            activity.item.code,
            activity.item.label,
            activity.performed_on,
            activity.performed_on,
            activity.quantity,
            book.value(activity.item.code, activity.performed_on),
            reimbursable=True,
        )
        for activity in activities
    ]
    if stay.kind == StayKind.FULL:
        return _price_full(stay, period, movements, extras + _requests(requests, period, book), book)
    return _price_without_nights(stay, period, movements, extras, _requests(requests, period, book), book)


def _price_full(
    stay: Stay, period: Period, movements: list[Movement], extras: list[Extra], book: TariffBook
) -> list[Line]:
    nights = _nights(stay, period, movements, book)
    if not nights:
        raise NotDecided("Hospitalisation complète sans nuit : à requalifier en hôpital de jour.")
    if stay.domain == Domain.HAD:
        home = [Extra(part.code, part.label, part.first, part.first, part.count, part.price, True) for part in nights]
        return split_without_nights(home + extras, tm_percent=book.value("TM_SEJ", period.first))
    code = "FJP" if stay.domain == Domain.PSY else "FJH"
    return split_full_stay(
        nights,
        extras,
        period.last,
        tm_percent=book.value("TM_SEJ", period.first),
        tm_max_days=int(book.value("TM_MAX", period.first)),
        daily_charge=lambda day: book.value(code, day),
        daily_charge_code=code,
        exit_charged=stay.discharge_mode not in (DischargeMode.DEATH, DischargeMode.TRANSFER),
    )


def _price_without_nights(
    stay: Stay,
    period: Period,
    movements: list[Movement],
    extras: list[Extra],
    requests: list[Extra],
    book: TariffBook,
) -> list[Line]:
    if stay.kind in (StayKind.EXTERNAL, StayKind.EMERGENCY, StayKind.SESSION):
        # External care is its acts, and a series its sessions; without any, there is nothing to bill yet.
        rate = "TM_SEJ" if stay.kind == StayKind.SESSION else "TM_ACE"
        return split_without_nights(extras + requests, tm_percent=book.value(rate, period.first))
    unit = movements[0].unit if movements else stay.unit
    if not unit.tariff_code:
        raise NotDecided(f"L’unité {unit.code} n’a pas de tarif journalier.")
    days = (period.last - period.first).days + 1
    day_care = Extra(
        unit.tariff_code,
        book.label(unit.tariff_code) if unit.tariff_code in book.items else unit.name,
        period.first,
        period.last,
        days,
        book.value(unit.tariff_code, period.first),
        reimbursable=True,
    )
    return split_without_nights([day_care, *extras, *requests], tm_percent=book.value("TM_SEJ", period.first))


def _nights(stay: Stay, period: Period, movements: list[Movement], book: TariffBook) -> list[Nights]:
    """A night belongs to the unit where the patient is at midnight; consecutive nights at one price make one line."""
    spans = [(movement.unit, timezone.localdate(movement.started_at)) for movement in movements] or [
        (stay.unit, period.first)
    ]
    parts: list[Nights] = []
    day = period.first
    while day < period.last:
        unit = next((unit for unit, since in reversed(spans) if since <= day), spans[0][0])
        if not unit.tariff_code:
            raise NotDecided(f"L’unité {unit.code} n’a pas de tarif journalier.")
        price_of_day = book.value(unit.tariff_code, day)
        if parts and parts[-1].code == unit.tariff_code and parts[-1].price == price_of_day:
            last = parts[-1]
            parts[-1] = Nights(last.code, last.label, last.first, last.count + 1, last.price)
        else:
            parts.append(Nights(unit.tariff_code, book.label(unit.tariff_code), day, 1, price_of_day))
        day += timedelta(days=1)
    return parts


def _requests(requests: list, period: Period, book: TariffBook) -> list[Extra]:  # type: ignore[type-arg]
    """A single room is counted by the night; what is eaten, by the day."""
    extras = []
    for request in requests:
        first = max(request.starts_on, period.first)
        last = min(request.ends_on or period.last, period.last)
        count = (last - first).days + (0 if request.code == "CHP" and last == period.last else 1)
        if count > 0:
            extras.append(
                Extra(
                    request.code,
                    book.label(request.code),
                    first,
                    last,
                    count,
                    book.value(request.code, first),
                    reimbursable=False,
                )
            )
    return extras


def service_lines(lines: list[Line]) -> tuple[ServiceLine, ...]:
    """The lines as an AMC is told of them."""
    return tuple(
        ServiceLine(
            number=line.number,
            service_code=line.code,
            label=line.label,
            quantity=line.quantity,
            unit_price=line.unit_price,
            total=line.total,
            amo_base=line.total,
            amo_amount=line.amo,
            start=line.first,
            end=line.last,
        )
        for line in lines
    )


def content_digest(lines: list[Line]) -> str:
    """What a SIM or a CLC is about, in one mark: the same content is not asked twice."""
    content = [
        [line.number, line.code, line.quantity, str(line.total), str(line.amo), str(line.first), str(line.last)]
        for line in lines
    ]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()
