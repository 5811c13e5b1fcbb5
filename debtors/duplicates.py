"""Records that look like one payer: found by night, scored out of a hundred, with their reasons.

Only records that share something rare are compared (a number, an address, a word of their name): twenty thousand records are
two hundred million pairs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations
from typing import Final, NamedTuple

from django.db import transaction
from django.utils import timezone

from debtors.enums import DebtorKind, PairState
from debtors.models import Debtor, DebtorPair
from debtors.nearness import key, near_keys
from gap.text import unaccented

#: What each resemblance is worth; weights of ours (docs/conformite.md).
SAME_NUMBER: Final = 50
SAME_NAME: Final = 40
SAME_BANK: Final = 30
SAME_ADDRESS: Final = 20
SAME_DRE: Final = 10
#: Below, names say nothing.
NEAR: Final = 0.75
#: From here on, a person is asked.
SHOWN_FROM: Final = 60
#: What more records than this share tells none of them.
RARE: Final = 40


class Likeness(NamedTuple):
    """What of a record is compared with another."""

    pk: int
    name: str
    number: str
    address: str
    dre: str
    bank: str


def look() -> int:
    """Propose the pairs that are new, forget those that no longer look alike. Returns how many are proposed.

    A pair that a person decided is never proposed again.
    """
    found = {pair: scored for pair, scored in _scored(_records()) if scored[0] >= SHOWN_FROM}
    now = timezone.now()
    with transaction.atomic():
        proposed = DebtorPair.objects.select_for_update().filter(state=PairState.PROPOSED)
        gone = [pair.pk for pair in proposed if (pair.first_id, pair.second_id) not in found]
        DebtorPair.objects.filter(pk__in=gone).delete()
        known = {(pair.first_id, pair.second_id): pair for pair in DebtorPair.objects.all()}
        DebtorPair.objects.bulk_create(
            [
                DebtorPair(first_id=first, second_id=second, score=score, reasons=reasons, found_at=now)
                for (first, second), (score, reasons) in found.items()
                if (first, second) not in known
            ],
            batch_size=500,
            ignore_conflicts=True,
        )
        changed = []
        for pair, (score, reasons) in found.items():
            row = known.get(pair)
            if row and row.state == PairState.PROPOSED and (row.score, row.reasons) != (score, reasons):
                row.score, row.reasons = score, reasons
                changed.append(row)
        DebtorPair.objects.bulk_update(changed, ["score", "reasons"], batch_size=500)
    return DebtorPair.objects.filter(state=PairState.PROPOSED).count()


def _records() -> list[Likeness]:
    rows = Debtor.objects.filter(kind=DebtorKind.AMC, merged_into__isnull=True, active=True)
    fields = ("pk", "name", "amc_number", "address", "postcode", "dre_address", "iban", "multiple_centres")
    return [
        likeness(pk, name, number, address, postcode, dre, bank, multiple=multiple)
        for pk, name, number, address, postcode, dre, bank, multiple in rows.values_list(*fields).order_by("pk")
    ]


def likeness(
    pk: int, name: str, number: str, address: str, postcode: str, dre: str, bank: str, *, multiple: bool = False
) -> Likeness:
    return Likeness(
        pk=pk,
        name=key(name),
        # Management centres of one AMC have its number, and are not one payer.
        number="" if multiple else number,
        address=f"{postcode} {_plain(address)}" if postcode and address.strip() else "",
        dre=dre.strip().casefold(),
        bank=bank,
    )


def _plain(address: str) -> str:
    return " ".join(unaccented(address).upper().replace(",", " ").split())


def _scored(records: list[Likeness]) -> Iterator[tuple[tuple[int, int], tuple[int, list[str]]]]:
    by_pk = {record.pk: record for record in records}
    for first, second in sorted(_candidates(records)):
        yield (first, second), score(by_pk[first], by_pk[second])


def _candidates(records: list[Likeness]) -> set[tuple[int, int]]:
    sharing: dict[tuple[str, str], list[int]] = defaultdict(list)
    for record in records:
        shared = (("number", record.number), ("address", record.address), ("name", record.name), ("bank", record.bank))
        for what, value in shared:
            if value:
                sharing[what, value].append(record.pk)
        for word in record.name.split():
            sharing["word", word].append(record.pk)
    return {pair for pks in sharing.values() if 1 < len(pks) <= RARE for pair in combinations(pks, 2)}


def score(one: Likeness, other: Likeness) -> tuple[int, list[str]]:
    """How much two records look alike, out of a hundred, and why."""
    points = 0
    reasons: list[str] = []
    if one.number and one.number == other.number:
        points += SAME_NUMBER
        reasons.append("même n° AMC")
    nearness = near_keys(one.name, other.name)
    if nearness >= NEAR:
        points += round(SAME_NAME * nearness)
        reasons.append("même nom" if nearness == 1 else "noms proches")
    if one.bank and one.bank == other.bank:
        points += SAME_BANK
        reasons.append("même compte bancaire")
    if one.address and one.address == other.address:
        points += SAME_ADDRESS
        reasons.append("même adresse")
    if one.dre and one.dre == other.dre:
        points += SAME_DRE
        reasons.append("mêmes DRE")
    return min(points, 100), reasons
