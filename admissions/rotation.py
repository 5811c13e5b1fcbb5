"""The blind indexes passed to the first key of their ring: NIR, and digests of cards with what was learnt from them.

Nothing in an index says which key made it: it is computed again from the value that it stands for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Exists, F, Model, OuterRef, QuerySet

from admissions.models import Card, CardReading, CardTally, Coverage, InsRecord, Patient
from debtors.enums import GONE
from debtors.models import DatamatrixAssociation
from gap.money import euros

Told = Callable[[str, int], None]
_READ_AT_ONCE = 2000


class _ValueIndex:
    """The index of an encrypted column: NIR of a patient, matricule of the national identity, of now or of before."""

    def __init__(self, name: str, model: type[Model], field: str, index_of: Callable[[str], str]) -> None:
        self.name, self._rows, self._field, self._index_of = name, model._default_manager, field, index_of

    def left(self) -> int:
        return sum(1 for _ in self._due())

    def rotate(self, batch: int, told: Told) -> None:
        count = 0
        for pk in self._due():
            with transaction.atomic():
                row = self._rows.select_for_update().only(self._field).get(pk=pk)
                if value := getattr(row, self._field):
                    self._rows.filter(pk=pk).update(**{f"{self._field}_index": self._index_of(value)})
            count += 1
            if count % batch == 0:
                told(self.name, batch)
        told(self.name, count % batch)

    def _due(self) -> Iterator[int]:
        index = f"{self._field}_index"
        rows = self._rows.filter(**{f"{index}__isnull": False}).order_by("pk").values_list("pk", self._field, index)
        for pk, value, written in _in_pages(rows):
            if value and self._index_of(value) != written:
                yield pk


class _CardMarks:
    """A card's digest, and that of the associations learnt from it, which hold nothing to compute it from."""

    name = "empreintes des cartes"

    def left(self) -> int:
        return sum(1 for _ in self._due())

    def rotate(self, batch: int, told: Told) -> None:
        count = 0
        for pk in self._due():
            self._pass(pk)
            count += 1
            if count % batch == 0:
                told(self.name, batch)
        told(self.name, count % batch)

    def remark(self) -> str:
        """What no key can mend: an association known by a whole card alone, when that card is no longer kept."""
        cards = Card.objects.filter(fingerprint=OuterRef("fingerprint"))
        count = DatamatrixAssociation.objects.filter(~Exists(cards), amc_number="").count()
        return (
            f"{count} associations de cartes illisibles n’ont plus leur carte\u00a0: sans l’ancienne clé, elles seront "
            "apprises de nouveau à l’accueil."
            if count
            else ""
        )

    @transaction.atomic
    def _pass(self, pk: int) -> None:
        card = Card.objects.select_for_update().filter(pk=pk).first()
        if card is None:
            return
        former, mark = card.fingerprint, Card.marks_of(card.content)[0]
        twin = Card.objects.filter(patient=card.patient_id, fingerprint=mark).exclude(pk=pk).first()
        if twin is not None:
            _merge(card, twin)
        else:
            Card.objects.filter(pk=pk).update(fingerprint=mark)
        for association in DatamatrixAssociation.objects.filter(fingerprint=former).order_by("pk"):
            _pass_association(association.pk, mark)
        _pass_readings(card.patient_id, former, mark)

    def _due(self) -> Iterator[int]:
        for pk, content, mark in _in_pages(Card.objects.order_by("pk").values_list("pk", "content", "fingerprint")):
            if Card.marks_of(content)[0] != mark:
                yield pk


def _merge(card: Card, twin: Card) -> None:
    """The same card of the same patient, read at the same instant by two processes that had not the same first key."""
    Coverage.objects.filter(card=card).update(card=twin)
    if card.image and not twin.image:
        Card.objects.filter(pk=twin.pk).update(image=card.image.name)
    elif card.image:
        transaction.on_commit(lambda: card.image.storage.delete(str(card.image.name)))
    card.delete()


def _pass_readings(patient_id: int, former: str, mark: str) -> None:
    """What the palmarès counts of a card that nobody can parse; other patients who hold the same pass with theirs."""
    theirs = CardReading.objects.filter(stay__patient=patient_id, amc_number="")
    passed: Counter[tuple[int, date, str]] = Counter()
    for reading in theirs.filter(fingerprint=former).order_by("pk"):
        passed[reading.establishment_id, reading.month, reading.domain] += 1
        if theirs.filter(stay=reading.stay_id, domain=reading.domain, fingerprint=mark).exists():
            # Read twice during one stay, under two keys: the other one was counted too.
            passed[reading.establishment_id, reading.month, reading.domain] -= 1
            _count_off(reading, former)
            reading.delete()
        else:
            CardReading.objects.filter(pk=reading.pk).update(fingerprint=mark)
    for (establishment, month, domain), count in passed.items():
        tallies = CardTally.objects.select_for_update().filter(
            establishment=establishment, month=month, domain=domain, amc_number=""
        )
        _pass_tally(tallies, former, mark, count)


def _count_off(reading: CardReading, former: str) -> None:
    tally = CardTally.objects.filter(
        establishment=reading.establishment_id, month=reading.month, domain=reading.domain, amc_number="",
        fingerprint=former,
    )  # fmt: skip
    tally.update(stays=F("stays") - 1)
    tally.filter(stays=0).delete()


def _pass_tally(tallies: QuerySet[CardTally], former: str, mark: str, count: int) -> None:
    """`count` of the stays of one tally go to the other, with their share of its amount."""
    old = tallies.filter(fingerprint=former).first()
    if old is None or not count:
        return
    twin = tallies.filter(fingerprint=mark).first()
    if twin is None and count >= old.stays:
        CardTally.objects.filter(pk=old.pk).update(fingerprint=mark)
        return
    share = euros(old.amount * count / max(old.stays, 1))
    if twin is None:
        twin = CardTally(establishment_id=old.establishment_id, month=old.month, domain=old.domain, fingerprint=mark)
    twin.stays, twin.amount = twin.stays + count, twin.amount + share
    twin.save()
    if count >= old.stays:
        old.delete()
    else:
        CardTally.objects.filter(pk=old.pk).update(stays=F("stays") - count, amount=F("amount") - share)


def _pass_association(pk: int, mark: str) -> None:
    rows = DatamatrixAssociation.objects.filter(pk=pk)
    try:
        with transaction.atomic():
            rows.update(fingerprint=mark)
    except IntegrityError:
        # Learnt twice, under two keys: the one that already has the new mark stays, and has what the other counted.
        former = rows.get()
        twin = DatamatrixAssociation.objects.exclude(status__in=GONE).get(
            fingerprint=mark, domain=former.domain, debtor=former.debtor_id, amc_number=""
        )
        Coverage.objects.filter(association=former).update(association=twin)
        DatamatrixAssociation.objects.filter(pk=twin.pk).update(use_count=F("use_count") + former.use_count)
        former.delete()


def _in_pages(rows: Any) -> Iterator[Any]:
    """Rows whose first value is the key, in its order, a page at a time: rows may be written between two pages."""
    last = 0
    while page := list(rows.filter(pk__gt=last)[:_READ_AT_ONCE]):
        yield from page
        last = page[-1][0]


NIR_INDEX = _ValueIndex("index des NIR", Patient, "nir", Patient.index_of_nir)
INS_INDEX = _ValueIndex("index des INS", Patient, "ins", InsRecord.index_of)
FORMER_INS_INDEX = _ValueIndex("index des anciennes INS", InsRecord, "ins", InsRecord.index_of)
CARD_MARKS = _CardMarks()
