"""One answer of the AMO beside what we have: what differs, and what taking it puts in force."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, Final

from django.db.models import Q

from admissions.amo import PRESCRIBED_WITHIN
from admissions.enums import AmoField, CoverageKind, CoverageSource, EventKind
from admissions.errors import Refused
from admissions.events import SYSTEM, Actor, check_allowed
from admissions.models import AmoAnswer, Coverage, Stay
from admissions.querysets import care_date, coverages_on
from admissions.reference import amo_effects, named, situation_named
from admissions.rules.amo import Applied, Facts, Period, applied, differences, rights_open, slices
from admissions.services import in_force
from debtors.enums import DebtorKind
from debtors.models import Debtor

#: Entities without which nothing is known of what is particular to this person.
_PARTICULAR: Final = {"03.05", "03.07", "03.10"}
#: What keeps a difference from being taken.
UNKNOWN_FUND: Final = "unknown_fund"
BILLED: Final = "billed"


def fund_text(regime: str, fund: str, centre: str) -> str:
    """Régime, caisse and centre as they are read aloud: « 01 351 0000 »."""
    return " ".join(filter(None, (regime, fund, centre)))


def fund_record(text: str) -> Debtor | None:
    """The record of this fund; its only record in force when the centre has none of its own."""
    regime, fund, centre = (*text.split(), "", "", "")[:3]
    if not regime or not fund:
        return None
    known = Debtor.objects.filter(kind=DebtorKind.AMO, active=True, amo_regime=regime, amo_fund=fund).order_by("pk")
    records = list(known[:20])
    exact = [one for one in records if one.amo_centre == centre]
    if exact:
        return exact[0]
    return records[0] if len(records) == 1 else None


class Side:
    """One answer beside what we have on the day of care."""

    def __init__(self, stay: Stay, answer: AmoAnswer, ours: Coverage | None, periods: list[Period]) -> None:
        self.stay, self.answer, self.ours, self.periods = stay, answer, ours, periods
        self.day = care_date(stay)
        self.had = self._had()
        self.got = self._got()
        self.record = fund_record(answer.fund)
        self.fields = self._fields()

    @classmethod
    def of(cls, stay: Stay, answer: AmoAnswer) -> Side:
        ours = coverages_on(stay.patient_id, care_date(stay), CoverageKind.AMO).order_by("rank", "pk").first()
        periods = [Period(one.list, one.code, one.starts_on, one.ends_on) for one in answer.periods.all()]
        return cls(stay, answer, ours, periods)

    @property
    def source(self) -> str:
        return self.ours.source if self.ours else ""

    def _had(self) -> Facts:
        if self.ours is None:
            return Facts()
        debtor = self.ours.debtor
        return Facts(
            fund=fund_text(debtor.amo_regime, debtor.amo_fund, debtor.amo_centre),
            insured=self.ours.insured or "",
            nature=self.ours.nature,
            exemption=self.ours.exemption,
            situations=tuple(self.ours.situations),
            rights_from=self.ours.valid_from,
            rights_until=self.ours.valid_until,
        )

    def _got(self) -> Facts:
        said = applied(self.periods, amo_effects(), self.day)
        silent = bool(_PARTICULAR & set(self.answer.missing))
        return Facts(
            fund=self.answer.fund,
            insured=self.answer.insured or "",
            nature=self.had.nature if silent else said.nature,
            exemption=self.had.exemption if silent else _plain(said.exemption),
            situations=self.had.situations if silent else said.situations,
            rights_from=self.answer.rights_from,
            rights_until=self.answer.rights_until,
        )

    @property
    def _open(self) -> bool:
        return rights_open(self.got.rights_from, self.got.rights_until, self.day) is not False

    def _fields(self) -> list[str]:
        if self.ours is None:
            return ["fund"] if self.got.fund and self._open else []
        found = differences(self.had, self.got, self.day)
        if self.record is not None and self.record.pk == self.ours.debtor_id and "fund" in found:
            found.remove("fund")  # the same record, whose centre is written otherwise
        return ["closed"] if "closed" in found else found

    def shown(self, name: str) -> tuple[str, str]:
        """Ours, then theirs, as a screen writes them."""
        had, got = self.had, self.got
        match name:
            case "fund":
                ours = self.ours.debtor.name if self.ours else ""
                return ours, self.record.name if self.record else got.fund
            case "insured":
                return had.insured, got.insured
            case "exemption":
                return _named(had), _named(got)
            case "situations":
                return _situations(had), _situations(got)
            case _:
                return _days(had), _days(got)

    def stopped_by(self, name: str) -> str:
        """Why it can't be taken now; "" when it can."""
        if name == AmoField.FUND and self.record is None:
            return UNKNOWN_FUND
        try:
            check_allowed(self.stay, EventKind.COVERAGE_CHANGED)
        except Refused:
            return BILLED
        return ""

    def agree(self) -> None:
        """Nothing differs: what we had is confirmed, and cut where something will change."""
        if self.ours is None or not self._open:
            return
        rows = self._rows(set())
        if len(rows) > 1 or rows[0]["valid_from"] > self.day:
            in_force.put_in_force(self.stay, CoverageKind.AMO, self.ours.rank, rows, SYSTEM, changes_only=True)
            return
        ours = Coverage.objects.select_for_update(of=("self",)).get(pk=self.ours.pk)
        ours.answer, ours.piece, ours.quality = self.answer, self.answer.piece, self.answer.quality
        ours.insured = ours.insured or self.answer.insured
        until = self.answer.rights_until
        if ours.valid_until and (until is None or until > ours.valid_until) and not _followed(ours):
            ours.valid_until = until
        ours.version += 1
        ours.save(update_fields=["answer", "piece", "quality", "insured", "valid_until", "version", "updated_at"])

    def take(self, taken: set[str], actor: Actor) -> None:
        """Put what is taken in force; what is not stays as we had it."""
        if AmoField.CLOSED in taken:
            assert self.ours is not None and self.answer is not None
            in_force.end_coverage(self.ours.pk, self._last_day(), actor)
            return
        rank = self.ours.rank if self.ours else 1
        in_force.put_in_force(self.stay, CoverageKind.AMO, rank, self._rows(taken), actor, changes_only=True)

    def _last_day(self) -> date:
        """The last day of the AMO's rights, before the day of care; the day before care when they only begin later."""
        until = self.answer.rights_until
        return until if until is not None and until < self.day else self.day - timedelta(days=1)

    def _rows(self, taken: set[str]) -> list[dict[str, Any]]:
        ours, answer = self.ours, self.answer
        first, last = self._period(taken)
        values: dict[str, Any] = {
            "debtor": self.record if ours is None or AmoField.FUND in taken else ours.debtor,
            "source": CoverageSource.CDRI,
            "answer": answer,
            "piece": answer.piece,
            "quality": answer.quality,
            "insured": answer.insured
            if ours is None or not ours.insured or AmoField.INSURED in taken
            else ours.insured,
        }
        if _PARTICULAR & set(answer.missing):
            cut = [(first, last, Applied(self.had.nature, self.had.exemption, self.had.situations, "", self.day))]
        else:
            cut = slices(self.periods, amo_effects(), first, last)
        rows = []
        for start, end, said in cut:
            row = values | {"valid_from": start, "valid_until": end}
            kept = AmoField.EXEMPTION in self.fields and AmoField.EXEMPTION not in taken and ours is not None
            row["nature"] = self.had.nature if kept else said.nature
            row["exemption"] = self.had.exemption if kept else _plain(said.exemption)
            kept = AmoField.SITUATIONS in self.fields and AmoField.SITUATIONS not in taken and ours is not None
            row["situations"] = list(self.had.situations if kept else said.situations)
            rows.append(row)
        return _joined(rows)

    def _period(self, taken: set[str]) -> tuple[date, date | None]:
        """From the first day on which an open stay may look, or its prescription; as far as the AMO says."""
        if self.ours is not None and AmoField.PERIOD in self.fields and AmoField.PERIOD not in taken:
            return self.ours.valid_from, self.ours.valid_until
        start = _looked_at(self.stay)
        if self.answer.rights_from:
            start = max(start, self.answer.rights_from)
        until = self.answer.rights_until
        if until is None and not self.answer.rights_from and self.ours is not None:
            until = self.ours.valid_until  # it says nothing of the days
        return start, until


def _looked_at(stay: Stay) -> date:
    """The first day on which rights are judged for an open stay of this patient: care, or prescription."""
    days = [care_date(stay)]
    for one in Stay.objects.filter(Q(pk=stay.pk) | Q(patient=stay.patient_id, status__in=in_force.CONCERNED)):
        day = care_date(one)
        try:
            check_allowed(one, EventKind.COVERAGE_CHANGED)
        except Refused:
            continue  # billed as it was
        days.append(day)
        if one.prescription_date and day - PRESCRIBED_WITHIN <= one.prescription_date:
            days.append(one.prescription_date)
    return min(days)


def _joined(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Neighbours that became alike are one."""
    found: list[dict[str, Any]] = []
    for row in rows:
        if found and all(found[-1][name] == row[name] for name in ("nature", "exemption", "situations")):
            found[-1]["valid_until"] = row["valid_until"]
        else:
            found.append(row)
    return found


def _followed(coverage: Coverage) -> bool:
    later = Coverage.objects.filter(
        patient=coverage.patient_id,
        kind=coverage.kind,
        rank=coverage.rank,
        active=True,
        valid_from__gt=coverage.valid_from,
    )
    return later.exists()


def _plain(exemption: str) -> str:
    """« 0 » is the norm's way of saying none."""
    return "" if exemption == "0" else exemption


def _named(facts: Facts) -> str:
    said = named(facts.nature, facts.exemption)
    return f"{said} ({facts.exemption})" if facts.exemption and said else said or "aucune"


def _situations(facts: Facts) -> str:
    return ", ".join(situation_named(code) for code in sorted(facts.situations)) or "aucune"


def _days(facts: Facts) -> str:
    start = f"{facts.rights_from:%d/%m/%Y}" if facts.rights_from else "…"
    end = f"{facts.rights_until:%d/%m/%Y}" if facts.rights_until else "…"
    return f"{start} → {end}"
