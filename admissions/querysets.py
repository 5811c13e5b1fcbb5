"""Reads: how patients and stays are found. Every one of them is bounded by its caller's pagination."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta

from django.db.models import Exists, Expression, F, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce, TruncDate
from django.utils import timezone

from accounts.models import Establishment
from accounts.sight import Here, seen
from admissions.enums import CoverageKind, RightsStatus, StayStatus
from admissions.models import Coverage, Patient, PatientNameToken, Rights, Stay
from admissions.rules.identity import query_variants
from gap.identifiers import InvalidIdentifier, parse_nir

_DATE = re.compile(r"\b(\d{1,2})[/.\- ](\d{1,2})[/.\- ](\d{4})\b|\b(\d{2})(\d{2})((?:19|20)\d{2})\b")


def parse_date(text: str) -> tuple[date | None, str]:
    """A birth date typed among other words: 17/05/1984, 17.05.1984, 17051984. Returns it and the rest of the text."""
    found = _DATE.search(text)
    if not found:
        return None, text
    day, month, year = (
        found.group(1) or found.group(4),
        found.group(2) or found.group(5),
        found.group(3) or found.group(6),
    )
    try:
        return date(int(year), int(month), int(day)), (text[: found.start()] + " " + text[found.end() :]).strip()
    except ValueError:
        return None, text


def patients_of(establishment: Establishment | None, *, merged: bool = False) -> QuerySet[Patient]:
    """Identities of one hospital: its sites share one file of patients, or each would make its own double.

    `merged`: with those for which another dossier stands since the two were put together.
    Left out: people whom only another hospital of the installation knows (another legal FINESS).
    """
    if establishment is None:
        return Patient.objects.none()
    stays = Stay.objects.filter(patient=OuterRef("pk"))
    legal = establishment.finess_legal
    ours = Q(establishment__finess_legal=legal) | Exists(stays.filter(establishment__finess_legal=legal))
    # Made by the system before any stay: nobody's yet.
    known = Patient.objects.filter(ours | (Q(establishment__isnull=True) & ~Q(Exists(stays))))
    return known if merged else known.filter(merged_into__isnull=True)


def by_ipp(ipp: str, among: QuerySet[Patient]) -> Patient | None:
    """The dossier of this number, or the one that stands for it since they were put together."""
    # One after the other: each is found by its own index, where a single condition over both would read every dossier.
    found = among.filter(ipp=ipp).first()
    if found is None and (kept := Patient.objects.filter(ipp=ipp).values_list("merged_into", flat=True).first()):
        found = among.filter(pk=kept).first()
    return found


def search_patients(text: str, among: QuerySet[Patient]) -> QuerySet[Patient]:
    """Patients by IPP, IEP, NIR, or names and birth date in any order. An empty question finds nobody."""
    text = text.strip()
    digits = re.sub(r"\s", "", text)
    if re.fullmatch(r"\d{9}", digits):
        of_number = Patient.objects.filter(ipp=digits)
        named = of_number.values("pk").union(
            of_number.filter(merged_into__isnull=False).values("merged_into"),
            Stay.objects.filter(iep=digits).values("patient"),
        )
        return among.filter(pk__in=named)
    if re.fullmatch(r"[1-478]\d{4}[0-9AB]{2}\d{6,8}|[1-478]\d{3,4}2[AB]\d{6,8}", digits.upper()):
        try:
            return among.filter(nir_index__in=Patient.indexes_of_nir(parse_nir(digits).value))
        except InvalidIdentifier:
            return Patient.objects.none()
    birth_date, names = parse_date(text)
    variants = query_variants(names)
    if not variants and birth_date is None:
        return Patient.objects.none()
    found = among.filter(Q(protection="") | _known_whole(variants, birth_date))
    if birth_date:
        found = found.filter(birth_date=birth_date)
    if variants:
        found = found.filter(_named(variants, "startswith"))
    return found.order_by("birth_name", "first_names", "birth_date", "pk")


def _named(variants: Iterable[Iterable[str]], how: str) -> Q:
    """Every word of one of these ways of reading a name is a word of the patient's."""
    condition = Q()
    for variant in variants:
        every = Q()
        for token in variant:
            every &= Q(Exists(PatientNameToken.objects.filter(**{"patient": OuterRef("pk"), f"token__{how}": token})))
        condition |= every
    return condition


def _known_whole(variants: Sequence[Sequence[str]], birth_date: date | None) -> Q:
    """A protected dossier answers to whoever has the person before them: whole words of the name, and the birth date.

    Whoever types a name to see who is here learns nothing.
    """
    if not variants or birth_date is None:
        return Q(pk__in=[])
    return Q(birth_date=birth_date) & _named(variants, "exact")


def day_bounds(day: date) -> tuple[datetime, datetime]:
    """First instant of the day in Paris, first instant of the next."""
    start = timezone.make_aware(datetime.combine(day, time.min))
    return start, timezone.make_aware(datetime.combine(day + timedelta(days=1), time.min))


def arrivals(here: Here, day: date) -> QuerySet[Stay]:
    """Stays whose arrival is planned on that day, admitted or not, the first to come first."""
    start, end = day_bounds(day)
    return (
        Stay.objects.filter(seen(here), planned_start_at__gte=start, planned_start_at__lt=end)
        .exclude(status=StayStatus.CANCELLED)
        .select_related("patient", "unit")
        .order_by("planned_start_at", "pk")
    )


def coverages_on(
    patient_id: int | Expression | F, day: date | Expression | F, kind: CoverageKind | None = None
) -> QuerySet[Coverage]:
    """Coverages in force on a day, the last day included, in their order of rank."""
    found = Coverage.objects.filter(
        Q(valid_until__isnull=True) | Q(valid_until__gte=day), patient=patient_id, active=True, valid_from__lte=day
    ).select_related("debtor")
    return found.filter(kind=kind) if kind else found


def care_date(stay: Stay) -> date:
    """The day on which rights are judged: the (planned) day of entry, however late it is typed."""
    return timezone.localdate(stay.start_at)


def care_day(stay: str = "") -> TruncDate:
    """`care_date` as a column: `.alias(care_day=care_day("stay__"))` for rows that have a stay."""
    started = Coalesce(f"{stay}started_at", f"{stay}planned_start_at")
    return TruncDate(started, tzinfo=timezone.get_default_timezone())


def latest_rights(stay_id: int, coverage_id: int) -> Rights | None:
    return Rights.objects.filter(stay=stay_id, coverage=coverage_id).first()


def latest_rights_of_stay(stay_id: int) -> dict[int, Rights]:
    """The last answer on each coverage of a stay, by coverage id: one query however many coverages."""
    answers = Rights.objects.filter(stay=stay_id).order_by("coverage_id", "-answered_at", "-pk")
    return {rights.coverage_id: rights for rights in answers.distinct("coverage_id")}


def third_party_payment_refused(stay: Stay) -> Rights | None:
    """The refusal of the first AMC, when every AMC in force has said no for the stay's days; None while one may pay."""
    day = care_date(stay)
    coverages = list(coverages_on(stay.patient_id, day, CoverageKind.AMC).order_by("rank", "pk"))
    if not coverages:
        return None
    known = latest_rights_of_stay(stay.pk)
    answers = [known.get(coverage.pk) for coverage in coverages]
    closed = [
        answer for answer in answers if answer and answer.status == RightsStatus.CLOSED and answer.care_date == day
    ]
    return closed[0] if len(closed) == len(answers) else None
