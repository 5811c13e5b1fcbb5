"""What is asked of the national identity service (INSi), and what it answers, free of any wire format.

Source of the names and codes: the service's WSDL, and the public tables of its return codes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from teleservices.messages import AnswerHeader


@dataclass(frozen=True, slots=True)
class InsiHeader:
    """`message_id` is decided when the call is planned and never changes."""

    message_id: UUID
    sent_at: datetime
    software_name: str
    software_version: str


@dataclass(frozen=True, slots=True)
class TraitsRequest:
    """Who has these traits? `first_name`: one; `birth_date`: ISO, perhaps no day of the calendar; `sex`: M or F."""

    header: InsiHeader
    birth_name: str
    first_name: str
    sex: str
    birth_date: str
    birth_place: str = ""


@dataclass(frozen=True, slots=True)
class VitaleRequest:
    """Who does this card speak of? `insured`: NIR and key, 15 characters; `own`: the bearer's, when the card has it."""

    header: InsiHeader
    insured: str
    birth_date: str
    birth_rank: int = 1
    own: str = ""
    birth_name: str = ""


@dataclass(frozen=True, slots=True)
class CheckRequest:
    """Is this matricule still that of these traits? `ins`: number and key, 15 characters."""

    header: InsiHeader
    ins: str
    oid: str
    birth_name: str
    first_names: str
    sex: str
    birth_date: str
    birth_place: str = ""


IdentityRequest = TraitsRequest | VitaleRequest | CheckRequest


class Found(StrEnum):
    """The three outcomes of a search, by the code that says each."""

    ONE = "00"
    NONE = "01"
    SEVERAL = "02"


@dataclass(frozen=True, slots=True)
class Matricule:
    """`value`: number and key, 15 characters. Dates as the service gives them, even when they contradict each other."""

    value: str
    oid: str
    valid_from: date | None = None
    valid_until: date | None = None


@dataclass(frozen=True, slots=True)
class CheckAnswer:
    """`same`: the service has this matricule for these traits."""

    header: AnswerHeader
    same: bool


@dataclass(frozen=True, slots=True)
class IdentityAnswer:
    """`active` and the traits that stand under it when one identity was found; nothing otherwise."""

    header: AnswerHeader
    outcome: Found
    active: Matricule | None = None
    former: tuple[Matricule, ...] = ()
    birth_name: str = ""
    first_names: str = ""
    sex: str = ""
    birth_date: str = ""
    birth_place: str = ""
