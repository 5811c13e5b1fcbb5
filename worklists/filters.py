"""What an address asks of a list. What cannot be read is left out: an address copied by hand never breaks a screen."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.db.models import Case, Exists, F, OuterRef, QuerySet, Value, When
from django.http import QueryDict
from django.utils import timezone

from accounts.models import User
from admissions.enums import Domain
from teleservices.messages import Operation
from worklists.models import Assignment
from worklists.registry import Worklist

_NAME: Final = "birth_name"
_NINE: Final = re.compile(r"[0-9]{9}")
AGES: Final = {"1": "plus d’un jour", "7": "plus de 7 jours", "10": "plus de 10 jours", "30": "plus de 30 jours"}
_OPERATIONS: Final = tuple(str(operation) for operation in Operation)
MINE, NOBODY = "moi", "personne"


@dataclass(frozen=True, slots=True)
class Choice:
    """One option of a filter."""

    value: str
    label: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class ListFilter:
    """The filters of one list, as an address says them. A name or a NIR never is one of them: addresses are logged."""

    worklist: Worklist
    text: str
    assignee: str
    debtor: int | None
    domain: str
    operation: str
    age: str
    group: str | None
    #: The lines put aside, in the place of those that ask for somebody.
    aside: bool
    sort: str

    @classmethod
    def read(cls, worklist: Worklist, query: Mapping[str, str]) -> ListFilter:
        kind = worklist.kind
        sort = query.get("tri", "")
        known = {"depuis", *kind.sorts}
        assignee = query.get("affecte", "")
        grouping = worklist.grouping
        group = query.get(grouping.parameter) if grouping and grouping.parameter != "amc" else None
        return cls(
            worklist=worklist,
            text=query.get("q", "").strip()[:60] if kind.iep or kind.debtor else "",
            assignee=assignee if assignee in (MINE, NOBODY) or _number(assignee) else "",
            debtor=_number(query.get("amc", "")) if kind.debtor else None,
            domain=query.get("domaine", "") if kind.domain and query.get("domaine") in Domain.values else "",
            operation=query.get("service", "") if kind.operation and query.get("service") in _OPERATIONS else "",
            age=query.get("depuis", "") if query.get("depuis") in AGES else "",
            group=group[:200] if group is not None else None,
            aside=query.get("pause") == "oui",
            sort=sort if sort.removeprefix("-") in known else worklist.first,
        )

    def apply(self, lines: QuerySet[Any], user: User) -> QuerySet[Any]:
        kind = self.worklist.kind
        if self.text:
            lines = self._by_text(lines)
        if self.debtor and kind.debtor:
            lines = lines.filter(**{kind.debtor: self.debtor})
        if self.domain:
            lines = lines.filter(**{kind.domain: self.domain})
        if self.operation:
            lines = lines.filter(**{kind.operation: self.operation})
        if self.age:
            lines = lines.filter(**{f"{self.worklist.since}__lt": timezone.now() - timedelta(days=int(self.age))})
        if self.group is not None and self.worklist.grouping:
            lines = lines.filter(**{self.worklist.grouping.path: self.group})
        if self.assignee:
            taken = Assignment.objects.filter(worklist=self.worklist.slug, object_id=OuterRef("pk"))
            if self.assignee == NOBODY:
                return lines.filter(~Exists(taken))
            person = user.pk if self.assignee == MINE else int(self.assignee)
            lines = lines.filter(Exists(taken.filter(assignee=person)))
        return lines

    def _by_text(self, lines: QuerySet[Any]) -> QuerySet[Any]:
        """An IEP, or a part of a payer's name."""
        kind = self.worklist.kind
        digits = self.text.replace(" ", "")
        if kind.iep and (_NINE.fullmatch(digits) or not kind.debtor):
            return lines.filter(**{kind.iep: digits})
        return lines.filter(**{f"{kind.debtor}__name__icontains": self.text})

    @property
    def ordering(self) -> tuple[Any, ...]:
        """Longest wait first means oldest instant first; a line is never on two pages."""
        key = self.sort.removeprefix("-")
        down = self.sort.startswith("-")
        if key == "depuis":
            return ((self.worklist.since if down else f"-{self.worklist.since}"), "pk")
        path = self.worklist.kind.sorts[key]
        if path.endswith(_NAME):
            # A protected dossier stands apart: its place among the names would say how its own begins.
            known = When(**{path.removesuffix(_NAME) + "protection": ""}, then=F(path))
            named = Case(known, default=Value(""))
            return (named.desc() if down else named.asc(), "pk")
        return ((f"-{path}" if down else path), *self.worklist.kind.then, "pk")

    @property
    def active(self) -> bool:
        asked = (self.text, self.assignee, self.debtor, self.domain, self.operation, self.age, self.aside)
        return any(asked) or self.group is not None

    def ages(self) -> list[Choice]:
        return [Choice(value, label, value == self.age) for value, label in AGES.items()]

    def domains(self) -> list[Choice]:
        return (
            [Choice(value, value, value == self.domain) for value in Domain.values] if self.worklist.kind.domain else []
        )

    def operations(self) -> list[Choice]:
        known = _OPERATIONS if self.worklist.kind.operation else ()
        return [Choice(value, value, value == self.operation) for value in known]


def without(query: QueryDict, *names: str) -> str:
    """The address without some of its parameters, nor its page."""
    kept = query.copy()
    for name in (*names, "page", "format"):
        kept.pop(name, None)
    return f"?{kept.urlencode()}"


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else None
