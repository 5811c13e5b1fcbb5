"""What is asked of the service of AMO rights (CDRi), and what it answers, free of any wire format.

The national contract is not public: the entities (03.01 to 03.10) and the codes inside them are those of the public
specifications of billing; the request and the return codes are ours (see docs/conformite.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from teleservices.messages import AnswerHeader


class Mode(StrEnum):
    """UNIT: an agent asks, and says who. BATCH: the establishment asks, nobody is there."""

    UNIT = "UNITAIRE"
    BATCH = "LOT"


@dataclass(frozen=True, slots=True)
class CdriHeader:
    """`message_id` is decided when the call is planned and never changes. `agent`: who asks; empty for a batch, only."""

    message_id: UUID
    sent_at: datetime
    finess_legal: str
    finess_site: str
    software_name: str
    software_version: str
    mode: Mode = Mode.BATCH
    agent: str = ""


@dataclass(frozen=True, slots=True)
class AmoRightsRequest:
    """What does the AMO owe this person on the day of care? `insured`: the insured's NIR and key, 15 characters.

    `birth_date`: AAAA-MM-JJ as the AMO knows it, perhaps no day of the calendar (month 00 or above 12).
    `regime`, `fund`, `centre`: those that the patient declared, if any.
    """

    header: CdriHeader
    insured: str
    birth_date: str
    care_date: date
    birth_rank: int = 1
    regime: str = ""
    fund: str = ""
    centre: str = ""


class Outcome(StrEnum):
    """By the code that says each. OTHER: a code of nobody's list; it is kept in the header."""

    FOUND = "OK"
    PARTIAL = "CD01"
    NOT_FOUND = "CD02"
    SEVERAL = "CD03"
    CLOSED = "CD04"
    OTHER = ""

    @property
    def answered(self) -> bool:
        """The service has looked: sending again would bring the same."""
        return self not in (Outcome.CLOSED, Outcome.OTHER)


@dataclass(frozen=True, slots=True)
class Period:
    """Both ends included; `end` None: no end is known."""

    start: date
    end: date | None = None

    def holds(self, day: date) -> bool:
        return self.start <= day and (self.end is None or day <= self.end)


@dataclass(frozen=True, slots=True)
class AmoPerson:
    """03.01. `quality`: the AMO's code of the beneficiary (1: the insured). `address`: six lines at most."""

    family_name: str
    first_name: str
    birth_date: str
    birth_rank: int
    quality: str
    used_name: str = ""
    address: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Doctor:
    """03.03. `number`: of the Assurance maladie."""

    name: str
    first_name: str
    number: str
    period: Period


@dataclass(frozen=True, slots=True)
class Organisation:
    """Who manages a risk: régime (2 digits), caisse, centre."""

    regime: str
    fund: str
    centre: str


@dataclass(frozen=True, slots=True)
class Sickness:
    """03.04. `management`: the code BGDH; `proof`: nature of the pièce justificative; `period`: that of the rights."""

    organisation: Organisation
    management: str
    proof: str
    period: Period


@dataclass(frozen=True, slots=True)
class Coded:
    """A code and when it applies: contrat particulier or exoneration (03.05), modulation (03.07), situation (03.10)."""

    code: str
    period: Period


@dataclass(frozen=True, slots=True)
class Maternity:
    """03.06. `born_on`: the day of the birth or of the adoption."""

    period: Period
    pregnant_since: date | None = None
    born_on: date | None = None
    organisation: Organisation | None = None


@dataclass(frozen=True, slots=True)
class WorkAccident:
    """03.09: one that was declared; 03.08, without a number: who manages those that are not yet."""

    period: Period
    number: str = ""
    organisation: Organisation | None = None


@dataclass(frozen=True, slots=True)
class AmoRights:
    """The entities 03.01 to 03.10. `insured` (03.02): NIR and key. None or empty: the AMO says nothing of it."""

    person: AmoPerson
    insured: str
    sickness: Sickness | None = None
    doctor: Doctor | None = None
    contracts: tuple[Coded, ...] = ()
    exonerations: tuple[Coded, ...] = ()
    specificity: str = ""
    maternity: Maternity | None = None
    modulations: tuple[Coded, ...] = ()
    default_accident: WorkAccident | None = None
    accidents: tuple[WorkAccident, ...] = ()
    situations: tuple[Coded, ...] = ()

    def open_on(self, day: date) -> bool:
        return self.sickness is not None and self.sickness.period.holds(day)


@dataclass(frozen=True, slots=True)
class AmoRightsAnswer:
    """`rights` and `expires_at` when somebody was found; `missing`: the entities ("03.05") of a partial answer."""

    header: AnswerHeader
    outcome: Outcome
    rights: AmoRights | None = None
    expires_at: datetime | None = None
    missing: tuple[str, ...] = ()
