"""The service of AMO rights, on the other side of the wire: the reference contract `cdri1`, its own certificate.

Any well-formed NIR has open rights, from the caisse that was declared (one of the régime 01 when none was). A NIR of the
place 99 8NN, which is nobody's, has those of the row NN of `data/cdri.csv`; at run time `rights:NAME` gives those of a row
to whoever asks.
"""

from __future__ import annotations

import csv
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from lxml import etree

from simulator.soap import ENVELOPE, instant, serialise

UNIT: Final = "CDRI"
PATH: Final = "/cdri"
NAMESPACE: Final = "urn:minigap:cdri:1"
CONTRACT: Final = Path(__file__).resolve().parent.parent / "teleservices" / "contracts" / "cdri1" / "cdri1.xsd"
_DATA: Final = Path(__file__).parent / "data" / "cdri.csv"
_IN: Final = f"{{{NAMESPACE}}}"
_DEFAULT: Any = {None: NAMESPACE}
_LABELS: Final = {
    "OK": "Droits trouvés", "CD01": "Réponse partielle", "CD02": "Bénéficiaire inconnu",
    "CD03": "Plusieurs bénéficiaires", "CD04": "Service fermé",
}  # fmt: skip
_INSURED, _SPOUSE, _CHILD = "1", "2", "6"
# Somebody born this long after the insured is taken for a child of theirs.
_A_GENERATION_YEARS: Final = 14
_VALID: Final = timedelta(hours=24)
#: Where people of a régime are when they declared no caisse.
_OF_REGIME: Final = {"01": ("351", "0000"), "02": ("350", "0000"), "04": ("999", "0000"), "08": ("200", "0000")}
_FIRST_NAMES: Final = ("CAMILLE", "DOMINIQUE", "CLAUDE", "ALIX")
_local = threading.local()
_building = threading.Lock()

Row = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Found:
    """An answer: `outcome` is the code."""

    status: int
    body: bytes
    outcome: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A valid question."""

    message_id: str
    insured: str
    birth_date: str
    birth_rank: int
    regime: str
    fund: str
    centre: str
    care_date: date


class Wrong(Exception):
    """To be answered as a fault of the caller. The text never repeats what was received."""


@dataclass(frozen=True)
class Funds:
    """Stateless: the same question has the same rights in every process."""

    data: Path = field(default=_DATA)

    @cached_property
    def rows(self) -> dict[str, dict[str, str]]:
        """By place (98NN of the NIR: "8NN") and by name."""
        with self.data.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        return {row["place"]: row for row in rows} | {row["name"]: row for row in rows}

    def read(self, body: bytes) -> Asked:
        """Raises Wrong."""
        return _read(body)

    def row(self, asked: Asked, name: str | None = None) -> Row:
        """What is particular to this person; empty: nothing."""
        if name is not None:
            return self.rows.get(name, {})
        return self.rows.get(asked.insured[7:10], {}) if asked.insured[5:7] == "99" else {}

    def answer(self, asked: Asked, row: Row, code: str | None = None) -> Found:
        """`code`: this one, whatever the row says."""
        code = code or _code(asked, row)
        return Found(200, _answer(asked, row, code), code)


def _code(asked: Asked, row: Row) -> str:
    match row.get("answer", ""):
        case "":
            return "OK"
        case "several_without_regime":
            return "OK" if asked.regime else "CD03"
        case "twins":
            return "OK" if asked.birth_rank <= 2 else "CD02"
        case code:
            return code


# ---- the question ----


def _read(body: bytes) -> Asked:
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError):
        raise Wrong("Le message n’est pas du XML") from None
    info: Any = root.getroottree().docinfo
    content = root.find(f"{{{ENVELOPE}}}Body")
    if info.doctype or content is None or len(content) != 1:
        raise Wrong("Enveloppe SOAP 1.1 attendue, avec un seul message et sans DOCTYPE")
    payload = content[0]
    if payload.tag != f"{_IN}DroitsRequete" or not _schema().validate(payload):
        raise Wrong("Message non conforme au schéma")
    if (_text(payload, "EnTete/Mode") == "UNITAIRE") != bool(_text(payload, "EnTete/Agent")):
        raise Wrong("Le mode UNITAIRE nomme l’agent, le mode LOT ne nomme personne")
    return Asked(
        message_id=_text(payload, "EnTete/IdMessage"),
        insured=_text(payload, "Beneficiaire/NirAssure"),
        birth_date=_text(payload, "Beneficiaire/DateNaissance"),
        birth_rank=int(_text(payload, "Beneficiaire/RangNaissance")),
        regime=_text(payload, "Beneficiaire/Regime"),
        fund=_text(payload, "Beneficiaire/Caisse"),
        centre=_text(payload, "Beneficiaire/Centre"),
        care_date=date.fromisoformat(_text(payload, "DateSoins")),
    )


# ---- the answer ----


def _answer(asked: Asked, row: Row, code: str) -> bytes:
    envelope = etree.Element(f"{{{ENVELOPE}}}Envelope", nsmap={"soap": ENVELOPE})
    body = etree.SubElement(envelope, f"{{{ENVELOPE}}}Body")
    answer = etree.SubElement(body, f"{_IN}DroitsReponse", nsmap=_DEFAULT)
    header = _add(answer, "EnTete")
    _add(header, "IdMessage", asked.message_id)
    _add(header, "DateReponse", instant())
    _add(header, "CodeRetour", code)
    if code in _LABELS:
        _add(header, "LibelleRetour", _LABELS[code])
    if code in ("OK", "CD01"):
        _add(answer, "Expiration", instant(_VALID))
        missing = _list(row, "missing") or (["03.05"] if code == "CD01" else [])
        for entity in missing:
            _add(answer, "Manque", entity)
        _rights(_add(answer, "Droits"), asked, row, missing)
    if not _schema().validate(answer):
        raise ValueError("the answer breaks the contract")  # a fault of the simulator, or of its data
    return serialise(envelope)


def _rights(rights: etree._Element, asked: Asked, row: Row, missing: list[str]) -> None:
    start = asked.care_date + timedelta(days=int(row.get("from_days") or -365))
    end = asked.care_date + timedelta(days=int(row.get("until_days") or 365))
    always = (asked.care_date - timedelta(days=365), asked.care_date + timedelta(days=365))
    regime = _regime(asked, row)
    organisation = _manager(asked, row, regime)
    _person(_add(rights, "Beneficiaire"), asked)
    _add(rights, "NirAssure", asked.insured)
    if "doctor" in _list(row, "with"):
        doctor = _add(rights, "MedecinTraitant")
        for name, text in (("Nom", "LEFLOCH"), ("Prenom", "NADIA"), ("NumeroAm", "351009990")):
            _add(doctor, name, text)
        _period(doctor, *always)
    if "03.04" not in missing:
        sickness = _add(rights, "Maladie")
        _organisation(sickness, organisation)
        _add(sickness, "CodeGestion", row.get("management") or "10")
        _add(sickness, "PieceJustificative", row.get("proof") or "2")
        _period(sickness, start, end)
    _coded(rights, "ContratParticulier", _list(row, "contracts"), always)
    if "03.05" not in missing:
        _coded(rights, "Exoneration", _list(row, "exonerations"), always)
    if "maternity" in _list(row, "with"):
        _maternity(_add(rights, "Maternite"), asked, organisation)
    _coded(rights, "Modulation", _list(row, "modulations"), always)
    accidents = int(row.get("accidents") or 0)
    if accidents:
        default = _add(rights, "AccidentParDefaut")
        _organisation(default, organisation)
        _period(default, *always)
    for number in range(1, accidents + 1):
        accident = _add(rights, "AccidentTravail")
        _add(accident, "Identifiant", f"26010100{number}")
        _organisation(accident, organisation)
        _period(accident, asked.care_date - timedelta(days=30 * number))
    _coded(rights, "Situation", _list(row, "situations"), always)


def _regime(asked: Asked, row: Row) -> str:
    """The one of the row; `other`: never the one that was declared; else the one that was."""
    given = row.get("regime") or ""
    if given == "other":
        return "01" if asked.regime == "02" else "02"
    return given or asked.regime or "01"


def _manager(asked: Asked, row: Row, regime: str) -> tuple[str, str, str]:
    """The one of the row, the one that was declared, or one of its régime."""
    fund, centre = _OF_REGIME.get(regime, (f"{regime}1", "0001"))
    if regime == asked.regime and asked.fund:
        fund, centre = asked.fund, asked.centre or centre
    return regime, row.get("fund") or fund, row.get("centre") or centre


def _person(person: etree._Element, asked: Asked) -> None:
    _add(person, "NomFamille", "ESSAI")
    _add(person, "Prenom", _FIRST_NAMES[(asked.birth_rank - 1) % len(_FIRST_NAMES)])
    _add(person, "DateNaissance", asked.birth_date)
    _add(person, "RangNaissance", str(asked.birth_rank))
    _add(person, "Qualite", _quality(asked))
    _add(person, "LigneAdresse", "1 RUE DE L ESSAI")
    _add(person, "LigneAdresse", "35999 VILLE INVENTEE")


def _quality(asked: Asked) -> str:
    """The insured is born in the year and month of the NIR; who is much younger is a child, any other a spouse."""
    if asked.birth_date[2:4] + asked.birth_date[5:7] == asked.insured[1:5]:
        return _INSURED
    born, century = int(asked.birth_date[:4]), asked.care_date.year // 100 * 100
    insured = century + int(asked.insured[1:3])
    insured -= 100 if insured > asked.care_date.year else 0
    return _CHILD if born - insured >= _A_GENERATION_YEARS else _SPOUSE


def _maternity(maternity: etree._Element, asked: Asked, organisation: tuple[str, str, str]) -> None:
    since = asked.care_date - timedelta(days=200)
    _add(maternity, "DebutGrossesse", since.isoformat())
    _organisation(maternity, organisation)
    _period(maternity, asked.care_date - timedelta(days=30), asked.care_date + timedelta(days=90))


def _organisation(parent: etree._Element, organisation: tuple[str, str, str]) -> None:
    inside = _add(parent, "Organisme")
    for name, text in zip(("Regime", "Caisse", "Centre"), organisation, strict=True):
        _add(inside, name, text)


def _coded(parent: etree._Element, name: str, codes: list[str], period: tuple[date, date]) -> None:
    for code in codes:
        one = _add(parent, name)
        _add(one, "Code", code)
        _period(one, *period)


def _period(parent: etree._Element, start: date, end: date | None = None) -> None:
    period = _add(parent, "Periode")
    _add(period, "Du", start.isoformat())
    if end is not None:
        _add(period, "Au", end.isoformat())


def _list(row: Row, name: str) -> list[str]:
    return row.get(name, "").split()


def _add(parent: etree._Element, name: str, text: str | None = None) -> etree._Element:
    child = etree.SubElement(parent, _IN + name)
    child.text = text
    return child


def _text(payload: etree._Element, path: str) -> str:
    return payload.findtext("/".join(_IN + step for step in path.split("/"))) or ""


def _schema() -> etree.XMLSchema:
    """One for each thread: a schema keeps the errors of its last validation."""
    schema: etree.XMLSchema | None = getattr(_local, "schema", None)
    if schema is None:
        with _building:
            schema = _local.schema = etree.XMLSchema(etree.parse(str(CONTRACT)))
    return schema
