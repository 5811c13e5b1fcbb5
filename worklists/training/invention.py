"""What stands in the place of what named somebody: invented, the same for a patient all along one copy, never again."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import date, timedelta
from functools import cached_property
from typing import Final

from gap.crypto import KeyRing
from gap.identifiers import nir_key
from worklists.demo.catalogue import first_names, surnames

#: A row as PostgreSQL writes it in text.
Row = dict[str, str | None]
# A birth date moves back by one day to a year: nobody is born after what was done for them.
_DAYS: Final = 365
_NUMBERS: Final = 10**8
#: INS-NIR-TEST: no matricule of the copy can pass for a real one.
TEST_OID: Final = "1.2.250.1.213.1.4.10"


class Inventor:
    """`secret` is drawn for one copy and forgotten: nothing leads back. `ring`: the copy's own keys."""

    def __init__(self, secret: bytes, ring: KeyRing) -> None:
        self._secret = secret
        self.ring = ring

    def draw(self, *of: object) -> int:
        """A large number, always the same for the same things."""
        said = "|".join(map(str, of)).encode()
        return int.from_bytes(hmac.new(self._secret, said, hashlib.sha256).digest(), "big")

    def digest(self, *of: object) -> str:
        return f"{self.draw(*of):064x}"

    def number(self, of: str, pk: str | None) -> str:
        """9 digits, another for each row: the sequences of the database, that begin by 0 and by the year, give none."""
        factor, shift = 2 * self.draw(of, "factor") * 5 + 1, self.draw(of, "shift")
        return f"8{(int(pk or 0) * factor + shift) % _NUMBERS:08d}"

    @cached_property
    def surnames(self) -> list[str]:
        return list(surnames())

    @cached_property
    def first_names(self) -> dict[str, list[str]]:
        return {sex: sorted({row.name for row in first_names() if row.sex == sex}) for sex in ("F", "M")}

    def surname(self, *of: object) -> str:
        return self.surnames[self.draw("surname", *of) % len(self.surnames)]

    def first_name(self, sex: str | None, *of: object) -> str:
        names = self.first_names.get(sex or "", self.first_names["F"])
        return names[self.draw("first name", *of) % len(names)]


def _pk(row: Row) -> str:
    return str(row["id"])


def _birth_date(inventor: Inventor, row: Row) -> str:
    born = date.fromisoformat(str(row["birth_date"]))
    return (born - timedelta(days=1 + inventor.draw("birth", _pk(row)) % _DAYS)).isoformat()


def plain_nir(inventor: Inventor, row: Row) -> str:
    """15 characters, of the place 99 990, which is nobody's, in agreement with the sex and the new birth date."""
    born, sex = _birth_date(inventor, row), "1" if row["sex"] == "M" else "2"
    body = f"{sex}{born[2:4]}{born[5:7]}99990{inventor.draw('nir', _pk(row)) % 999 + 1:03d}"
    return body + nir_key(body)


def _member(inventor: Inventor, row: Row) -> str:
    # The cards and coverages of a patient name one contract: they still agree in the copy.
    return f"{inventor.draw('member', row['patient_id']) % _NUMBERS:08d}"


def _ins_of(inventor: Inventor, *of: object) -> str:
    """A matricule of nobody's, in the same place; its OID in the copy is that of tests."""
    drawn = inventor.draw("ins", *of)
    body = f"{1 + drawn % 2}{drawn // 2 % 100:02d}{drawn // 200 % 12 + 1:02d}99990{drawn // 2400 % 999 + 1:03d}"
    return body + nir_key(body)


def _ins(inventor: Inventor, row: Row) -> str:
    return _ins_of(inventor, _pk(row))


def _kept_ins(inventor: Inventor, row: Row) -> str:
    """That of its patient while it is in force."""
    return _ins_of(inventor, row["patient_id"]) if row["ended_at"] is None else _ins_of(inventor, "former", _pk(row))


def _insured(inventor: Inventor, row: Row) -> str:
    """Who opens the rights of a patient: nobody, and the same on all that names them."""
    drawn = inventor.draw("insured", row["patient_id"])
    body = f"{1 + drawn % 2}{drawn // 2 % 100:02d}{drawn // 200 % 12 + 1:02d}99990{drawn // 2400 % 999 + 1:03d}"
    return body + nir_key(body)


def _said(inventor: Inventor, row: Row, side: str) -> str:
    """What a difference says of a number is nobody's; a fund or a code is kept as a word."""
    return _insured(inventor, row) if row["field"] == "insured" else f"{side} {row['field']}"


def _proposal(inventor: Inventor, row: Row) -> str:
    """An identity that nobody has, to be compared with another that nobody has."""
    traits = {
        "birth_name": inventor.surname(row["patient_id"]),
        "first_names": inventor.first_name(None, row["patient_id"]).upper(),
        "birth_date": "1970-01-01",
        "sex": "F",
        "birth_place": "99990",
    }
    content = {"ins": _kept_ins(inventor, row | {"ended_at": ""}), "oid": TEST_OID, "traits": traits}
    return json.dumps(content | {"source": "traits", "former": []}, ensure_ascii=False)


def _sealed(context: str, plain: Callable[[Inventor, Row], str]) -> Callable[[Inventor, Row], str]:
    def invent(inventor: Inventor, row: Row) -> str:
        return "\\x" + inventor.ring.encrypt(plain(inventor, row).encode(), context).hex()

    return invent


#: What a policy may name → text of the column, for a row. A column that is NULL stays so.
INVENTED: Final[dict[str, Callable[[Inventor, Row], str]]] = {
    "birth_name": lambda inventor, row: inventor.surname(_pk(row)),
    "used_name": lambda inventor, row: inventor.surname("used", _pk(row)) if row["used_name"] else "",
    "first_names": lambda inventor, row: inventor.first_name(row["sex"], _pk(row)),
    "birth_date": _birth_date,
    "nir": _sealed("admissions_patient.nir", plain_nir),
    "nir_index": lambda inventor, row: inventor.ring.blind_index(plain_nir(inventor, row), "patient.nir"),
    "ins": _sealed("admissions_patient.ins", _ins),
    "ins_index": lambda inventor, row: inventor.ring.blind_index(_ins(inventor, row), "patient.ins"),
    "kept_ins": _sealed("admissions_insrecord.ins", _kept_ins),
    "kept_ins_index": lambda inventor, row: inventor.ring.blind_index(_kept_ins(inventor, row), "patient.ins"),
    "test_oid": lambda _inventor, row: TEST_OID if row.get("oid", row.get("ins_oid")) else "",
    "ins_proposal": _sealed("admissions_insproposal.content", _proposal),
    "ipp": lambda inventor, row: inventor.number("ipp", row["id"]),
    "iep": lambda inventor, row: inventor.number("iep", row["id"]),
    "card_content": _sealed("admissions_card.content", lambda _inventor, row: f"carte {row['id']} de la copie"),
    "card_member": _sealed("admissions_card.member_number", _member),
    "coverage_member": _sealed("admissions_coverage.member_number", _member),
    "coverage_insured": _sealed("admissions_coverage.insured", _insured),
    "answer_insured": _sealed("admissions_amoanswer.insured", _insured),
    # Its codes are in the periods beside it; the rest of it names people.
    "amo_content": _sealed("admissions_amoanswer.content", lambda _inventor, _row: "{}"),
    "amo_ours": _sealed("admissions_amodifference.ours", lambda inventor, row: _said(inventor, row, "au dossier")),
    "amo_theirs": _sealed("admissions_amodifference.theirs", lambda inventor, row: _said(inventor, row, "reçu")),
    "digest": lambda inventor, row: inventor.digest("digest", *(row.get(name) for name in ("id", "name"))),
    "username": lambda _inventor, row: f"agent{row['id']}",
    "client": lambda _inventor, row: f"logiciel {row['id']}",
    "colleague_name": lambda inventor, row: inventor.surname("colleague", _pk(row)).title(),
    "colleague_first_name": lambda inventor, row: inventor.first_name(None, "colleague", _pk(row)),
    # Django's own mark of a password that nothing opens.
    "no_password": lambda inventor, row: "!" + inventor.digest("password", _pk(row))[:40],
    "merge_reason": lambda _inventor, row: f"motif {row['id']} de la copie",
    "payment_reference": lambda _inventor, row: f"REF-{row['id']}",
}
