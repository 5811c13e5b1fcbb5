"""The journey's patients: invented, with a NIR of nobody's place, and the text that their card would type."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

_GS = "\x1d"


@dataclass(frozen=True, slots=True)
class Patient:
    """`order` tells one NIR from another; `amc` pays, by `convention`, under `member_number`."""

    birth_name: str
    first_names: str
    birth_date: date
    sex: str
    order: int
    amc: str
    convention: str
    member_number: str

    @property
    def nir(self) -> str:
        """Born in 99 990, which is nowhere; the key is 97 less the remainder by 97."""
        body = f"{'1' if self.sex == 'M' else '2'}{self.birth_date:%y%m}99990{self.order:03d}"
        return f"{body}{97 - int(body) % 97:02d}"

    def traits(self) -> dict[str, object]:
        return {
            "birth_name": self.birth_name,
            "first_names": self.first_names,
            "birth_date": self.birth_date.isoformat(),
            "sex": self.sex,
            "nir": self.nir,
        }

    def card(self, day: date) -> str:
        """What a scanner types of the card of that year, layout ATP1: fields after ASCII 29."""
        fields = (f"{day.year}0101", f"{day.year}1231", self.amc, self.convention, "", self.member_number, "R")
        return "ATP1" + "".join(_GS + field for field in fields)


HELENE = Patient("MORVAN", "Hélène Marie", date(1958, 3, 14), "F", 101, "0099000104", "VM", "08441927")
SAMIR = Patient("HAMIDI", "Samir", date(1980, 9, 21), "M", 102, "0099000114", "AC", "55102938")
ODILE = Patient("CARPENTIER", "Odile", date(1955, 12, 12), "F", 103, "0099000125", "AC", "RC15774411")
RUI = Patient("SANTOS", "Rui", date(1969, 7, 5), "M", 104, "0099000115", "AC", "20331876")
ANSELME = Patient("LE GOFF", "Anselme", date(1949, 8, 30), "M", 106, "0099000162", "AC", "77120654")
NADIA = Patient("BENSAÏD", "Nadia", date(1972, 4, 11), "F", 107, "0099000103", "VM", "40917735")
FATOUMATA = Patient("DIALLO", "Fatoumata", date(1993, 10, 16), "F", 105, "0099000137", "MU", "31889026")
