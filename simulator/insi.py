"""The national identity service, on the other side of the wire: SOAP 1.2, its own certificate, invented matricules.

Anybody whose traits are well formed is found, under a matricule of tests that follows from their traits, of the place
99 990, which is nobody's. `data/insi.csv` says who is not found so, by birth name or by day of birth. A matricule that is
verified is still theirs, but for those whom nobody knows any more.
"""

from __future__ import annotations

import csv
import hashlib
import threading
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from lxml import etree

UNIT: Final = "INSI"
PATH: Final = "/insi"
XML: Final = "application/soap+xml; charset=utf-8"
CONTRACT: Final = Path(__file__).resolve().parent.parent / "teleservices" / "contracts" / "insi"
_DATA: Final = Path(__file__).parent / "data" / "insi.csv"
_ENVELOPE: Final = "http://www.w3.org/2003/05/soap-envelope"
_RESULT: Final = "http://www.cnamts.fr/INSiResultat"
_SANS: Final = "{http://www.cnamts.fr/INSiRecSans}"
_VITALE: Final = "{http://www.cnamts.fr/INSiRecVit}"
_CHECK: Final = "urn:minigap:insi:verification:1"
_MESSAGE_ID: Final = "{http://www.w3.org/2005/08/addressing}MessageID"
_LABELS: Final = {"00": "OK", "01": "Aucune identite trouvee", "02": "Plusieurs identites trouvees"}
_TEST, _WAITING, _PRODUCTION = "1.2.250.1.213.1.4.10", "1.2.250.1.213.1.4.9", "1.2.250.1.213.1.4.8"
_local = threading.local()
_building = threading.Lock()


@dataclass(frozen=True, slots=True)
class Found:
    """An answer: `outcome` is the code, or what stands in for one."""

    status: int
    body: bytes
    outcome: str
    message_id: str = ""


class Wrong(Exception):
    """To be answered as a fault of the caller."""


@dataclass(frozen=True)
class Identities:
    """Stateless: the same traits have the same matricule in every process."""

    data: Path = field(default=_DATA)

    @cached_property
    def behaviours(self) -> dict[str, str]:
        """By birth name, or by day of birth: two digits."""
        with self.data.open(newline="", encoding="utf-8") as file:
            return {row["birth_name"] or row["birth_day"]: row["behaviour"] for row in csv.DictReader(file)}

    def answer(self, body: bytes) -> Found:
        """Never raises for what was received."""
        try:
            message_id, asked = _read(body)
        except Wrong as problem:
            return Found(500, fault("soap:Sender", "siram_40", "desir_400", str(problem)), "fault_client")
        by_day = self.behaviours.get(asked["birth_date"][8:], "")
        behaviour = self.behaviours.get(asked["birth_name"], by_day)
        if behaviour == "refused":
            return Found(
                500, fault("soap:Sender", "siram_100", "desir_550", "Logiciel non autorisé"), "desir_550", message_id
            )
        if behaviour == "closed":
            return Found(500, fault("soap:Receiver", "siram_99", "desir_999", "Service fermé"), "closed", message_id)
        if "checked" in asked:
            same = behaviour not in ("refuted", "none")
            return Found(200, _checked(same), "00" if same else "01", message_id)
        code = _code(behaviour, asked)
        return Found(200, _result(code, behaviour, asked), code, message_id)


def fault(value: str, subcode: str, code: str, text: str) -> bytes:
    """A SOAP 1.2 fault as the service writes them."""
    envelope, body = _envelope()
    element = etree.SubElement(body, f"{{{_ENVELOPE}}}Fault")
    top = etree.SubElement(element, f"{{{_ENVELOPE}}}Code")
    etree.SubElement(top, f"{{{_ENVELOPE}}}Value").text = value
    below = etree.SubElement(top, f"{{{_ENVELOPE}}}Subcode")
    etree.SubElement(below, f"{{{_ENVELOPE}}}Value").text = f"soap:{subcode}"
    reason = etree.SubElement(element, f"{{{_ENVELOPE}}}Reason")
    etree.SubElement(reason, f"{{{_ENVELOPE}}}Text").text = text
    detail = etree.SubElement(element, f"{{{_ENVELOPE}}}Detail")
    etree.SubElement(detail, "{urn:siram}Erreur", code=code, severite="erreur").text = text
    return etree.tostring(envelope, encoding="UTF-8", xml_declaration=True)


def _read(body: bytes) -> tuple[str, dict[str, str]]:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError):
        raise Wrong("Le message n’est pas du XML") from None
    content = root.find(f"{{{_ENVELOPE}}}Body")
    if content is None or len(content) != 1:
        raise Wrong("Enveloppe SOAP 1.2 attendue")
    payload = content[0]
    by_card, check = payload.tag == f"{_VITALE}RECVITALE", payload.tag == f"{{{_CHECK}}}VERIFINS"
    if not _schema("verif.xsd" if check else "recvitale.xsd" if by_card else "recsans.xsd").validate(payload):
        raise Wrong("Message non conforme au schéma")
    message_id = (root.findtext(f"{{{_ENVELOPE}}}Header/{_MESSAGE_ID}") or "").removeprefix("urn:uuid:")
    if check:
        said = {child.tag.rpartition("}")[2]: child.text or "" for child in payload}
        return message_id, {
            "birth_name": said["NomNaissance"],
            "birth_date": said["DateNaissance"],
            "checked": said["NumIdentifiant"],
        }
    if by_card:
        number = payload.findtext(f"{_VITALE}MatriculeOD/{_VITALE}NumIdentifiant") or ""
        named = payload.findtext(f"{_VITALE}NomNaissance") or "DUPORT"
        born = payload.findtext(f"{_VITALE}DateNaissance") or ""
        sex = "M" if number[:1] in ("1", "3") else "F"
        return message_id, {
            "birth_name": named,
            "first_name": "CAMILLE",
            "sex": sex,
            "birth_date": born,
            "birth_place": "",
        }
    names = ("NomNaissance", "Prenom", "Sexe", "DateNaissance", "LieuNaissance")
    ours = ("birth_name", "first_name", "sex", "birth_date", "birth_place")
    return message_id, {our: payload.findtext(f"{_SANS}{name}") or "" for our, name in zip(ours, names, strict=True)}


def _checked(same: bool) -> bytes:
    envelope, body = _envelope()
    result = etree.SubElement(body, f"{{{_CHECK}}}VERIFRESULTAT")
    said = {"CodeCR": "00" if same else "01", "LibelleCR": "OK", "Identique": "true" if same else "false"}
    for name, text in said.items():
        etree.SubElement(result, f"{{{_CHECK}}}{name}").text = text
    return etree.tostring(envelope, encoding="UTF-8", xml_declaration=True)


def _code(behaviour: str, asked: dict[str, str]) -> str:
    match behaviour:
        case "none":
            return "01"
        case "several":
            return "02"
        case "several_without_place":
            return "00" if asked["birth_place"] else "02"
        case "second_name":
            return "01" if asked["first_name"] == "PREMIER" else "00"
    return "00"


def _result(code: str, behaviour: str, asked: dict[str, str]) -> bytes:
    envelope, body = _envelope()
    result = _add(body, "RESULTAT")
    report = _add(result, "CR")
    _add(report, "CodeCR", code)
    _add(report, "LibelleCR", _LABELS[code])
    if code == "00":
        _person(_add(result, "INDIVIDU"), behaviour, asked)
    return etree.tostring(envelope, encoding="UTF-8", xml_declaration=True)


def _person(person: etree._Element, behaviour: str, asked: dict[str, str]) -> None:
    oid = {"awaited": _WAITING, "real": _PRODUCTION}.get(behaviour, _TEST)
    _number(_add(person, "INSACTIF"), asked, 0, oid)
    if behaviour == "former":
        old = _add(person, "INSHISTO")
        _add(old, "DateDeb", "2019-03-01")
        _add(old, "DateFin", "2019-02-28")
        _number(old, asked, 1, oid)
        _number(_add(person, "INSHISTO"), asked, 2, oid)
    traits = _add(person, "TIQ")
    _add(traits, "NomNaissance", f"{asked['birth_name']} DIT" if behaviour == "other_name" else asked["birth_name"])
    first = f"PREMIER {asked['first_name']}" if behaviour == "second_name" else asked["first_name"]
    _add(traits, "ListePrenom", first)
    _add(traits, "Sexe", asked["sex"])
    _add(traits, "DateNaissance", asked["birth_date"])
    # Nobody here knows where invented people were born: what is asked is echoed.
    if place := "99990" if behaviour == "other_place" else asked["birth_place"]:
        _add(traits, "LieuNaissance", place)


def _number(holder: etree._Element, asked: dict[str, str], rank: int, oid: str) -> None:
    said = "|".join((asked["birth_name"], asked["birth_date"], asked["sex"], str(rank)))
    order = int.from_bytes(hashlib.sha256(said.encode()).digest()[:4], "big") % 999 + 1
    year, month = asked["birth_date"][2:4], asked["birth_date"][5:7]
    number = f"{'1' if asked['sex'] == 'M' else '2'}{year}{month}99990{order:03d}"
    individual = _add(holder, "IdIndividu")
    _add(individual, "NumIdentifiant", number)
    _add(individual, "Cle", f"{97 - int(number) % 97:02d}")
    _add(holder, "OID", oid)


def _envelope() -> tuple[etree._Element, etree._Element]:
    envelope = etree.Element(f"{{{_ENVELOPE}}}Envelope", nsmap={"soap": _ENVELOPE})
    return envelope, etree.SubElement(envelope, f"{{{_ENVELOPE}}}Body")


def _add(parent: etree._Element, name: str, text: str | None = None) -> etree._Element:
    child = etree.SubElement(parent, f"{{{_RESULT}}}{name}")
    child.text = text
    return child


def _schema(name: str) -> etree.XMLSchema:
    """One for each thread: a schema keeps the errors of its last validation."""
    known: dict[str, Any] = _local.__dict__.setdefault("schemas", {})
    if name not in known:
        with _building:
            known[name] = etree.XMLSchema(etree.parse(str(CONTRACT / name)))
    found: etree.XMLSchema = known[name]
    return found
