"""Who pays for whom: the AMC of each person, and what their card says."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from random import Random

from debtors.datamatrix import CardFields, Convention, encode
from worklists.demo.catalogue import MULTIPLE, UNLISTED, PayerRow, payers

#: Payers of the demonstration that many people have; the others are met now and then.
_COMMON = 18


@dataclass(frozen=True, slots=True)
class Cover:
    """How a person is covered by an AMC: `content` is what a scanner types, empty when there is no card.

    `chosen`: the debtor's code that an agent picks when the table does not know. `way`: card, declared, unread, raw,
    expired or none.
    """

    way: str
    payer: PayerRow | None = None
    content: str = ""
    chosen: str = ""
    convention: str = ""
    csr: str = ""
    member_number: str = ""


NOBODY = Cover("none")


class Cards:
    """Draws covers, the same for the same seed. Cards are those of the year, whatever the day of the stays."""

    def __init__(self, rng: Random, valid_from: date, valid_until: date) -> None:
        self._rng = rng
        self._valid_from = valid_from
        self._valid_until = valid_until
        self._member = 1_000_000 + rng.randrange(80_000_000)

    def cover(self, way: str, wanted: str, marker: str, domain: str) -> Cover:
        """`wanted`: a choice of AMC numbers separated by |, unlisted, multiple, or empty for any ordinary payer."""
        if way == "none":
            return NOBODY
        payer = self._payer(wanted, domain)
        convention = payer.conventions[-1] if self._rng.randrange(4) else payer.conventions[0]
        csr = self._csr(payer)
        member = self._member_number(marker)
        chosen = self._rng.choice(payer.centres)[0]
        if way == "declared":
            return Cover(way, payer, "", chosen, convention, csr, member)
        content = (
            self._raw() if way == "raw" else self._content(payer, convention, csr, member, expired=way == "expired")
        )
        return Cover(way, payer, content, chosen, convention, csr, member)

    def _payer(self, wanted: str, domain: str) -> PayerRow:
        if wanted == UNLISTED:
            return self._rng.choice([payer for payer in payers() if not payer.listed])
        if wanted == MULTIPLE:
            return self._rng.choice([payer for payer in payers() if len(payer.centres) > 1])
        if wanted:
            number = self._rng.choice(wanted.split("|"))
            return next(payer for payer in payers() if payer.number == number)
        ordinary = [payer for payer in payers() if payer.listed and not payer.is_trial and domain in payer.domains]
        weights = [8 if index < _COMMON else 2 for index in range(len(ordinary))]
        return self._rng.choices(ordinary, weights)[0]

    def _content(self, payer: PayerRow, convention: str, csr: str, member: str, *, expired: bool) -> str:
        # Early in the year last year's cards still cover the stays of the past weeks: one out of date is older.
        year = self._valid_from.year - 1
        return encode(
            CardFields(
                valid_from=date(year, 1, 1) if expired else self._valid_from,
                valid_until=date(year, 12, 31) if expired else self._valid_until,
                amc_number=payer.number,
                conventions=(Convention(convention),),
                csr=csr,
                member_number=member,
                responsible=self._rng.randrange(10) > 0,
            )
        )

    def _raw(self) -> str:
        """A symbol of a layout that nobody told us: kept as it is, and tied to a debtor all the same."""
        return f"TP{self._rng.randrange(10**9):09d}/{self._rng.randrange(10**6):06d}"

    def _csr(self, payer: PayerRow) -> str:
        if not payer.csr_patterns:
            return ""
        pattern = self._rng.choice(payer.csr_patterns)
        return "".join(str(self._rng.randrange(10)) if letter == "?" else letter for letter in pattern)

    def _member_number(self, marker: str) -> str:
        choice = self._rng.choice(marker.split("|")) if marker else ""
        if choice == "-":
            return ""
        self._member += self._rng.randrange(1, 9_000)
        return f"{choice}{self._member:08d}"[:20]
