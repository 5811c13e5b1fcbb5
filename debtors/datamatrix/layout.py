"""What a card's datamatrix says: declared layouts, a reader that forgives what scanners do, and a writer.

Layouts, substitutes of the separator and keyboard tables are data (CSV files of this folder). Conventions are written
by domain, the most precise scope wins: `MCO.S:RO` (stays of MCO), `MCO:AC` (all MCO), `RO` or `*:RO` (everything
else); `.E` = external care, `.S` = stays; separated by commas.

A content that no layout explains is kept as it is (`recognised` false): it can still be tied to a debtor.
"""

from __future__ import annotations

import csv
import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from typing import Final

from gap.identifiers import parse_amc_number

GS: Final = "\x1d"
DOMAINS: Final = ("MCO", "SMR", "PSY", "HAD")
CURRENT_LAYOUT: Final = "ATP1"

_FOLDER: Final = Path(__file__).parent
_AIM: Final = re.compile(r"^(?:\]d[0-6][ \t]*)+")
_LINE_END: Final = re.compile(r"[\r\n]+")
_CONVENTION: Final = re.compile(r"(?:(?P<domain>MCO|SMR|PSY|HAD|\*)(?:\.(?P<kind>[ES]))?:)?(?P<code>[A-Z]{2})")
_CSR: Final = re.compile(r"[A-Z0-9?]*")
_KINDS: Final = {"EXTERNE": "E", "SEJOUR": "S"}
#: A shorter text may repeat itself by nature (« 11 »): it is not a card typed twice.
_SHORTEST_REPEAT: Final = 8


@dataclass(frozen=True, slots=True)
class Convention:
    """A type de convention (2 letters) and where it applies: empty `domain` = all, empty `kind` = E and S."""

    code: str
    domain: str = ""
    kind: str = ""

    def __str__(self) -> str:
        scope = self.domain + (f".{self.kind}" if self.kind else "")
        return f"{scope}:{self.code}" if scope else self.code


@dataclass(frozen=True, slots=True)
class CardFields:
    """The normalised block of an attestation. Any value may be absent. `amc_number` has 10 digits."""

    valid_from: date | None = None
    valid_until: date | None = None
    amc_number: str = ""
    conventions: tuple[Convention, ...] = ()
    csr: str = ""
    member_number: str = field(default="", repr=False)
    responsible: bool = False


@dataclass(frozen=True, slots=True)
class DatamatrixContext:
    """What matters of a card for one kind of dossier. All empty when the card can't be read."""

    amc_number: str = ""
    convention: str = ""
    csr: str = ""


@dataclass(frozen=True, slots=True)
class ReadCard:
    """A card as read. `content` = canonical content, personal data: never in a log nor in a URL.

    `problems`: French sentences, why the content is not recognised (empty for a content of an unknown layout).
    """

    content: str = field(repr=False)
    recognised: bool
    layout: str = ""
    fields: CardFields = CardFields()
    problems: tuple[str, ...] = ()

    @property
    def amc_number(self) -> str:
        return self.fields.amc_number

    @property
    def csr(self) -> str:
        return self.fields.csr

    @property
    def member_number(self) -> str:
        return self.fields.member_number

    @property
    def conventions(self) -> tuple[Convention, ...]:
        return self.fields.conventions

    @property
    def valid_from(self) -> date | None:
        return self.fields.valid_from

    @property
    def valid_until(self) -> date | None:
        return self.fields.valid_until

    @property
    def responsible(self) -> bool:
        return self.fields.responsible

    def is_valid_on(self, day: date) -> bool | None:
        """Does the printed period hold this day (both ends included)? None when the card gives no period."""
        start, end = self.fields.valid_from, self.fields.valid_until
        if start is None and end is None:
            return None
        return (start is None or start <= day) and (end is None or day <= end)

    def fingerprint(self, key: bytes) -> str:
        """See `fingerprint`."""
        return fingerprint(self.content, key)


class InvalidCard(ValueError):
    """Fields that no card can hold. Its text is a French sentence."""


# ---- reading ----


def parse(text: str) -> ReadCard:
    """Read what a scanner typed, or what an image holds. Never raises.

    Forgives: line ends, AIM prefix (`]d2`), substitutes of GS, a foreign keyboard, caps lock, a text typed twice.
    """
    # A scanner that types on another keyboard garbles everything: the first reading that a layout explains wins.
    readings = [_canonical(variant) for variant in _variants(_trim(text))]
    for content in readings:
        name = _layout_of(content)
        if name:
            return _read_fields(content, name)
    content = readings[0]
    if any(content.upper().startswith(name) for name in _layouts()):
        return _unreadable(
            content, "", "Le lecteur n’a pas transmis les séparateurs de la carte : faites revoir son réglage."
        )
    return ReadCard(content, recognised=False) if content else _unreadable("", "", "Rien n’a été lu.")


def canonical_content(text: str) -> str:
    """The content of a card whatever the way it was read: what a fingerprint is computed on."""
    return parse(text).content


def fingerprint(content: str, key: bytes) -> str:
    """HMAC-SHA-256 (64 hexadecimal characters) of a canonical content.

    A bare hash would not do: the content has few unknown characters and could be guessed. Raises ValueError for a key
    under 16 bytes.
    """
    if len(key) < 16:
        raise ValueError("The fingerprint key is at least 16 bytes long.")
    return hmac.new(key, content.encode("utf-8"), hashlib.sha256).hexdigest()


def context(card: ReadCard, domain: str, care_kind: str) -> DatamatrixContext:
    """What matters of a card for a domain (MCO, SMR, PSY, HAD) and a kind of dossier (EXTERNE, SEJOUR).

    Raises ValueError for another domain or kind.
    """
    if domain not in DOMAINS or care_kind not in _KINDS:
        raise ValueError("Unknown domain or kind of dossier.")
    if not card.recognised:
        return DatamatrixContext()
    by_scope = {(item.domain, item.kind): item.code for item in card.fields.conventions}
    scopes = ((domain, _KINDS[care_kind]), (domain, ""), ("", ""))
    convention = next((by_scope[scope] for scope in scopes if scope in by_scope), "")
    return DatamatrixContext(card.fields.amc_number, convention, card.fields.csr)


def _trim(text: str) -> str:
    return text.strip("\ufeff\u200b \t\r\n\0")


def _variants(text: str) -> Iterator[str]:
    yield text
    yield text.swapcase()
    for table in _keyboards():
        yield text.translate(table)


def _canonical(text: str) -> str:
    """Separators restored, prefix and repeats removed."""
    always, if_readable = _separators()
    if GS not in text:
        for substitute in always:
            text = text.replace(substitute, GS)
    content = _once(text)
    if GS not in content:
        for substitute in if_readable:
            candidate = _once(text.replace(substitute, GS))
            if _layout_of(candidate):
                return candidate
    return content


def _once(text: str) -> str:
    """The content once, when it was typed several times in a row, with or without line ends between."""
    # Never str.splitlines nor a bare strip here: both take GS for a line end.
    lines = [_trim(line) for line in _LINE_END.split(text)]
    parts = {_unprefixed(_unrepeated(line)) for line in lines if line}
    if len(parts) == 1:
        text = parts.pop()
    elif _layout_of(_unprefixed(text)):
        text = "".join(lines)
    return _unprefixed(_unrepeated(text))


def _unprefixed(text: str) -> str:
    # What a reader puts around the text may stand between its prefix and the text as well.
    return _trim(_AIM.sub("", text, count=1))


def _unrepeated(text: str) -> str:
    # A text is a repetition of itself exactly when it is found inside its own double before the end.
    period = (text + text).find(text, 1)
    return text[:period] if _SHORTEST_REPEAT <= period < len(text) else text


def _layout_of(content: str) -> str:
    return next((name for name in _layouts() if content.startswith(name + GS)), "")


def _unreadable(content: str, layout: str, *problems: str) -> ReadCard:
    return ReadCard(content, recognised=False, layout=layout, problems=problems)


def _read_fields(content: str, name: str) -> ReadCard:
    specs = _layouts()[name]
    values = content.split(GS)[1:]
    if name + GS in content[len(name) :]:
        return _unreadable(content, name, "Deux cartes ont été lues à la suite : scannez une seule carte.")
    if len(values) < len(specs):
        return _unreadable(content, name, "La carte n’est lue qu’en partie : scannez-la de nouveau.")
    if len(values) > len(specs):
        return _unreadable(content, name, "La carte contient plus de zones que prévu.")
    read: dict[str, object] = {}
    problems = []
    for spec, value in zip(specs, values, strict=True):
        try:
            read[spec["field"]] = _read_value(spec, value)
        except ValueError:
            problems.append(f"La zone « {spec['label']} » de la carte est illisible.")
    fields = CardFields(**read)  # type: ignore[arg-type]
    if fields.valid_from and fields.valid_until and fields.valid_until < fields.valid_from:
        problems.append("La période de validité de la carte finit avant de commencer.")
    if problems:
        return _unreadable(content, name, *problems)
    return ReadCard(content, recognised=True, layout=name, fields=fields)


def _read_value(spec: Mapping[str, str], value: str) -> object:
    """Typed value of a field. Raises ValueError (an InvalidIdentifier is one)."""
    if len(value) > int(spec["max_length"]) or not value.isprintable():
        raise ValueError
    match spec["kind"]:
        case "date":
            if value and not (len(value) == 8 and value.isascii() and value.isdigit()):
                raise ValueError
            return date(int(value[:4]), int(value[4:6]), int(value[6:])) if value else None
        case "amc":
            return parse_amc_number(value) if value.strip() else ""
        case "conventions":
            return tuple(_read_convention(item) for item in value.split(",")) if value else ()
        case "csr":
            if _CSR.fullmatch(value) is None:
                raise ValueError
            return value
        case "flag":
            if value not in ("", "R"):
                raise ValueError
            return value == "R"
        case _:
            return value


def _read_convention(text: str) -> Convention:
    match = _CONVENTION.fullmatch(text)
    if match is None:
        raise ValueError
    domain = match["domain"] or ""
    return Convention(match["code"], "" if domain == "*" else domain, match["kind"] or "")


# ---- writing ----


def encode(fields: CardFields, layout: str = CURRENT_LAYOUT) -> str:
    """The content of a symbol. Raises InvalidCard when reading it back would not give the same fields."""
    values = {
        "valid_from": f"{fields.valid_from:%Y%m%d}" if fields.valid_from else "",
        "valid_until": f"{fields.valid_until:%Y%m%d}" if fields.valid_until else "",
        "amc_number": fields.amc_number,
        "conventions": ",".join(map(str, fields.conventions)),
        "csr": fields.csr,
        "member_number": fields.member_number,
        "responsible": "R" if fields.responsible else "",
    }
    content = GS.join([layout, *(values[spec["field"]] for spec in _layouts()[layout])])
    card = _read_fields(content, layout)
    if not card.recognised or card.fields != fields:
        raise InvalidCard(" ".join(card.problems) or "Une zone de la carte ne peut pas être écrite telle quelle.")
    return content


# ---- data ----


def _rows(name: str) -> list[dict[str, str]]:
    with (_FOLDER / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


@cache
def _layouts() -> dict[str, tuple[dict[str, str], ...]]:
    rows = sorted(_rows("layouts.csv"), key=lambda row: (row["layout"], int(row["position"])))
    names = dict.fromkeys(row["layout"] for row in rows)
    return {name: tuple(row for row in rows if row["layout"] == name) for name in names}


@cache
def _separators() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Substitutes of GS: the sure ones, and those that may be ordinary text."""
    rows = sorted(_rows("separators.csv"), key=lambda row: -len(row["text"]))
    sure = tuple(row["text"] for row in rows if row["only_if_readable"] == "no")
    return sure, tuple(row["text"] for row in rows if row["only_if_readable"] == "yes")


@cache
def _keyboards() -> tuple[dict[int, int], ...]:
    rows = _rows("keyboards.csv")
    return tuple({ord(a): ord(b) for a, b in zip(row["typed"], row["meant"], strict=True)} for row in rows)
