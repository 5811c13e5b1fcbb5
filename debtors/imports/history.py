"""Years of cards with the debtor that each had: lines vote, context by context; what the table says already is not touched."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.utils import timezone

from debtors.datamatrix import context, fingerprint, parse
from debtors.enums import USABLE, AssociationStatus, DebtorKind, ImportState, VoteFate
from debtors.imports import reading
from debtors.models import DatamatrixAssociation, Debtor, FileImport, ImportVote
from debtors.nearness import key
from gap.crypto import index_keys
from gap.text import unaccented

COLUMNS: Final = {
    "carte": ("datamatrix", "dmx", "contenu de la carte"),
    "n amc": ("amc", "numéro amc", "no amc", "num amc"),
    "convention": ("type de convention",),
    "csr": ("critère secondaire",),
    "domaine": ("discipline", "champ"),
    "type": ("type de dossier", "nature"),
    "code débiteur": ("code payeur", "code tiers", "code"),
    "n amc débiteur": ("amc débiteur", "numéro amc débiteur"),
    "débiteur": ("nom débiteur", "payeur", "tiers payant", "organisme"),
    "date": ("date de soins", "date d’entrée", "entrée"),
    "montant": ("montant amc", "part amc"),
}
_DOMAINS: Final = frozenset({"MCO", "SMR", "PSY", "HAD"})
#: Refusals kept word for word; the rest is counted.
KEPT_REFUSALS: Final = 2_000
_TOLD_EVERY: Final = 5_000
_AT_ONCE: Final = 500

#: Fingerprint (empty where the card is parsed), AMC, convention, CSR, domain.
Context = tuple[str, str, str, str, str]


class _Refused(Exception):
    """Why a line is not counted."""


@dataclass(slots=True)
class _Box:
    """What the lines of one context say."""

    debtors: Counter[int] = field(default_factory=Counter)
    amount: Decimal = Decimal("0.00")
    first_day: date | None = None


class _Payers:
    """The active complementary bodies, by code, number and name; a number or a name that several have leads to none."""

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}
        self._numbers: dict[str, set[int]] = defaultdict(set)
        self._names: dict[str, set[int]] = defaultdict(set)
        rows = Debtor.objects.filter(kind=DebtorKind.AMC, active=True)
        for pk, code, number, name in rows.values_list("pk", "code", "amc_number", "name"):
            self._codes[code.upper()] = pk
            self._numbers[number].add(pk)
            self._names[key(name)].add(pk)

    def of(self, line: reading.Line) -> int:
        """Raises _Refused."""
        if code := line.get("code débiteur"):
            found = {self._codes[code.upper()]} if code.upper() in self._codes else set()
        elif number := line.get("n amc débiteur"):
            try:
                found = self._numbers.get(reading.amc_number(number), set())
            except ValueError:
                raise _Refused("Le n° AMC du débiteur n’a pas de 1 à 10 chiffres.") from None
        elif name := line.get("débiteur"):
            found = self._names.get(key(name), set())
        else:
            raise _Refused("Le débiteur manque.")
        if not found:
            raise _Refused("Ce débiteur n’est pas une complémentaire en activité.")
        if len(found) > 1:
            raise _Refused("Plusieurs débiteurs répondent : donnez son code.")
        return next(iter(found))


def read(row: FileImport, content: bytes, told: Callable[[int], None]) -> None:
    """Count the votes of a file and keep them, in place of those of a reading that was cut. Changes nothing else.

    `told(lines)`: called now and then. Raises reading.Unreadable.
    """
    payers, secret = _Payers(), index_keys("card.content")[0]
    boxes: dict[Context, _Box] = defaultdict(_Box)
    refusals: list[tuple[int, str]] = []
    count = refused = 0
    for number, line in reading.lines(content, COLUMNS):
        count += 1
        if count % _TOLD_EVERY == 0:
            told(count)
        try:
            _vote(boxes, line, payers, secret)
        except _Refused as problem:
            refused += 1
            if len(refusals) < KEPT_REFUSALS:
                refusals.append((number, str(problem)))
    votes = list(_votes(row, boxes))
    with transaction.atomic():
        row.votes.all().delete()
        ImportVote.objects.bulk_create(votes, batch_size=_AT_ONCE)
        row.lines_count, row.refused_count, row.refusals = count, refused, refusals
        row.state = ImportState.READY
        row.save(update_fields=["lines_count", "refused_count", "refusals", "state"])


def _vote(boxes: dict[Context, _Box], line: reading.Line, payers: _Payers, secret: bytes) -> None:
    debtor = payers.of(line)
    try:
        amount = reading.amount(line.get("montant", ""))
    except ValueError:
        raise _Refused("Le montant ne se lit pas.") from None
    try:
        day = reading.day(line.get("date", ""))
    except ValueError:
        raise _Refused("La date ne se lit pas : jj/mm/aaaa.") from None
    box = boxes[_context(line, secret)]
    box.debtors[debtor] += 1
    box.amount += amount
    if day and (box.first_day is None or day < box.first_day):
        box.first_day = day


def _context(line: reading.Line, secret: bytes) -> Context:
    domain = line.get("domaine", "").upper() or "MCO"
    if domain not in _DOMAINS:
        raise _Refused("Le domaine n’est pas MCO, SMR, PSY ou HAD.")
    if card := line.get("carte"):
        read_card = parse(card)
        if not read_card.content:
            raise _Refused("La carte est vide.")
        kind = unaccented(line.get("type", "")).upper()
        said = context(read_card, domain, "EXTERNE" if kind.startswith(("EXT", "ACE", "CONS")) else "SEJOUR")
        if said.amc_number:
            return "", said.amc_number, said.convention, said.csr, domain
        return fingerprint(read_card.content, secret), "", "", "", domain
    if not line.get("n amc"):
        raise _Refused("Ni carte ni n° AMC.")
    try:
        number = reading.amc_number(line["n amc"])
    except ValueError:
        raise _Refused("Le n° AMC n’a pas de 1 à 10 chiffres.") from None
    convention, csr = line.get("convention", "").upper(), line.get("csr", "").upper()
    if len(convention) > 2 or len(csr) > 9:
        raise _Refused("La convention a deux lettres au plus, le CSR neuf signes.")
    return "", number, convention, csr, domain


def _votes(row: FileImport, boxes: dict[Context, _Box]) -> Iterator[ImportVote]:
    known = _known(boxes)
    several = set(Debtor.objects.filter(multiple_centres=True).values_list("pk", flat=True))
    for where, box in boxes.items():
        (debtor, most), *others = box.debtors.most_common(2)
        total = box.debtors.total()
        share = round(100 * most / total)
        yield ImportVote(
            file_import=row,
            **dict(zip(("fingerprint", "amc_number", "convention", "csr", "domain"), where, strict=True)),
            debtor_id=debtor,
            lines=total,
            share=share,
            second_id=others[0][0] if others else None,
            amount=box.amount,
            first_day=box.first_day,
            fate=_fate(debtor, known.get(where, []), debtor in several, split=share < row.least_share),
        )


def _fate(debtor: int, known: list[tuple[int, str]], several: bool, *, split: bool) -> VoteFate:
    statuses = [status for pk, status in known if pk == debtor]
    if any(status in USABLE for status in statuses):
        return VoteFate.KNOWN
    if AssociationStatus.REJECTED in statuses:
        return VoteFate.REJECTED
    if not several and any(status in USABLE for pk, status in known if pk != debtor):
        return VoteFate.STANDS
    return VoteFate.SPLIT if split else VoteFate.NEW


def _known(contexts: Iterable[Context]) -> dict[Context, list[tuple[int, str]]]:
    """What the table says of these contexts: debtors and statuses."""
    contexts = list(contexts)
    found: dict[Context, list[tuple[int, str]]] = defaultdict(list)
    columns = ("fingerprint", "amc_number", "convention", "csr", "domain", "debtor", "status")
    for name, place in (("amc_number", 1), ("fingerprint", 0)):
        wanted = sorted({where[place] for where in contexts if where[place]})
        for start in range(0, len(wanted), 5_000):
            rows = DatamatrixAssociation.objects.filter(**{f"{name}__in": wanted[start : start + 5_000]})
            if name == "fingerprint":
                rows = rows.filter(amc_number="")
            for mark, number, convention, csr, domain, debtor, status in rows.values_list(*columns):
                where = ("", number, convention, csr, domain) if number else (mark, "", "", "", domain)
                found[where].append((debtor, status))
    return found


# ---- applied ----


def set_least_share(row: FileImport, share: int) -> None:
    """From which part of the lines a debtor is proposed. Needs the import's lock."""
    open_votes = row.votes.filter(fate__in=[VoteFate.NEW, VoteFate.SPLIT])
    open_votes.filter(share__gte=share).update(fate=VoteFate.NEW)
    open_votes.filter(share__lt=share).update(fate=VoteFate.SPLIT)


def apply(row: FileImport, told: Callable[[int], None]) -> None:
    """Create what the votes propose, some at a time: cut, it goes on where it was."""
    done = row.votes.filter(fate=VoteFate.CREATED).count()
    while due := list(row.votes.filter(fate=VoteFate.NEW).select_related("debtor").order_by("pk")[:_AT_ONCE]):
        with transaction.atomic():
            known = _known([_where(vote) for vote in due])
            for vote in due:
                # Learnt at the desk since the file was read?
                vote.fate = _fate(
                    vote.debtor_id, known.get(_where(vote), []), vote.debtor.multiple_centres, split=False
                )
            _create(row, [vote for vote in due if vote.fate == VoteFate.NEW])
            ImportVote.objects.bulk_update(due, ["fate", "association"])
        done += sum(vote.fate == VoteFate.CREATED for vote in due)
        told(done)
    row.applied_count, row.state, row.ended_at = done, ImportState.DONE, timezone.now()
    row.save(update_fields=["applied_count", "state", "ended_at"])


def _where(vote: ImportVote) -> Context:
    return vote.fingerprint, vote.amc_number, vote.convention, vote.csr, vote.domain


def _create(row: FileImport, votes: list[ImportVote]) -> None:
    made = [_association(row, vote) for vote in votes]
    try:
        with transaction.atomic():
            DatamatrixAssociation.objects.bulk_create(made)
    except IntegrityError:
        # One of them was learnt at this very instant: each by itself.
        for vote, association in zip(votes, made, strict=True):
            _create_one(vote, association)
        return
    for vote, association in zip(votes, made, strict=True):
        vote.association, vote.fate = association, VoteFate.CREATED


def _create_one(vote: ImportVote, association: DatamatrixAssociation) -> None:
    association.pk = None
    try:
        with transaction.atomic():
            association.save(force_insert=True)
    except IntegrityError:
        vote.fate = VoteFate.STANDS
    else:
        vote.association, vote.fate = association, VoteFate.CREATED


def _association(row: FileImport, vote: ImportVote) -> DatamatrixAssociation:
    today = timezone.localdate()
    values: dict[str, Any] = {"status": AssociationStatus.TO_VALIDATE}
    if row.validates:
        values = {"status": AssociationStatus.VALIDATED, "decided_by": row.created_by, "decided_at": timezone.now()}
    return DatamatrixAssociation(
        # Of a context typed by its numbers, no card was seen.
        fingerprint=vote.fingerprint or f"import-{row.pk}-{vote.pk}",
        amc_number=vote.amc_number,
        convention=vote.convention,
        csr=vote.csr,
        domain=vote.domain,
        debtor=vote.debtor,
        multiple_centres=vote.debtor.multiple_centres,
        valid_from=min(vote.first_day or today, today),
        created_by=row.created_by,
        # The cards of those years were used so: the most met come first.
        use_count=vote.lines,
        **values,
    )
