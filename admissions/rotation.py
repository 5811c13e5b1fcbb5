"""The blind indexes passed to the first key of their ring: NIR, and digests of cards with what was learnt from them.

Nothing in an index says which key made it: it is computed again from the value that it stands for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Exists, F, OuterRef

from admissions.models import Card, Coverage, Patient
from debtors.enums import GONE
from debtors.models import DatamatrixAssociation

Told = Callable[[str, int], None]
_READ_AT_ONCE = 2000


class _NirIndex:
    name = "index des NIR"

    def left(self) -> int:
        return sum(1 for _ in self._due())

    def rotate(self, batch: int, told: Told) -> None:
        count = 0
        for pk in self._due():
            with transaction.atomic():
                patient = Patient.objects.select_for_update().only("nir", "nir_index").get(pk=pk)
                if patient.nir:
                    Patient.objects.filter(pk=pk).update(nir_index=Patient.index_of_nir(patient.nir))
            count += 1
            if count % batch == 0:
                told(self.name, batch)
        told(self.name, count % batch)

    def _due(self) -> Iterator[int]:
        rows = Patient.objects.filter(nir_index__isnull=False).order_by("pk").values_list("pk", "nir", "nir_index")
        for pk, nir, index in _in_pages(rows):
            if nir and Patient.index_of_nir(nir) != index:
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


NIR_INDEX = _NirIndex()
CARD_MARKS = _CardMarks()
