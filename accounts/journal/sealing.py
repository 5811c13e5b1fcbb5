"""The chain: what was written is closed every few seconds, and cannot be edited, removed, added to or moved unseen.

Entries are written without waiting for one another: the chain is made afterwards, by one process at a time, in the
order in which entries are found. A key given to a transaction that has not ended yet leaves a gap, which the next seals
look at again until the transaction ended or was undone. Digests are HMAC-SHA-256 under a key that is not in the
database: who has the database alone, its owner included, cannot make another chain.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from accounts.models import JournalEntry, JournalSeal
from gap.crypto import derived_key
from gap.locks import hold_for_transaction

logger = structlog.get_logger(__name__)

#: Entries closed by one seal at most: memory does not grow with what waits.
BATCH: Final = 5_000
_PURPOSE: Final = "journal"
_START: Final = hashlib.sha256(b"mini-gap journal").digest()
_FIELDS: Final = tuple(field.attname for field in JournalEntry._meta.concrete_fields)


def _keys() -> dict[str, bytes]:
    """The key ring, by a short name that tells nothing of the key. The first closes, all of them verify."""
    secrets = settings.JOURNAL_KEY or settings.BLIND_INDEX_KEY
    keys = [derived_key(secret.strip(), _PURPOSE) for secret in secrets.split(",")]
    return {hashlib.sha256(key).hexdigest()[:8]: key for key in keys}


def _canonical(row: dict[str, Any]) -> bytes:
    """The bytes of an entry: the same for the same facts, whatever wrote or read them."""
    said = dict(row)
    at = said["at"]
    said["at"] = at.astimezone(UTC).isoformat(timespec="microseconds") if isinstance(at, datetime) else at
    said["request"] = str(said["request"]) if said["request"] else None
    return json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _link(key: bytes, before: bytes, entry: bytes) -> bytes:
    return hmac.new(key, before + entry, hashlib.sha256).digest()


def _close(key: bytes, seal: JournalSeal) -> bytes:
    """The digest of a whole seal, the one before it included."""
    said = {
        "number": seal.number,
        "sealed_at": seal.sealed_at.astimezone(UTC).isoformat(timespec="microseconds"),
        "last_entry": seal.last_entry,
        "entries": list(seal.entries),
        "gaps": list(seal.gaps),
        "horizon": seal.horizon,
        "key_id": seal.key_id,
    }
    text = json.dumps(said, sort_keys=True, separators=(",", ":")).encode()
    return hmac.new(key, bytes(seal.previous) + bytes(seal.digests) + text, hashlib.sha256).digest()


def _digests(key: bytes, seal: JournalSeal, rows: Iterable[dict[str, Any]]) -> bytes:
    """The digests of these rows, in the order of the seal."""
    before, found = bytes(seal.previous), bytearray()
    for row in rows:
        before = _link(key, before, _canonical(row))
        found += before
    return bytes(found)


def _horizons() -> tuple[int, int]:
    """(Oldest transaction under way, first transaction that has not begun)."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select pg_snapshot_xmin(pg_current_snapshot())::text, pg_snapshot_xmax(pg_current_snapshot())::text"
        )
        oldest, next_one = cursor.fetchone()
    return int(oldest), int(next_one)


def seal() -> int:
    """Close what is written and not closed yet, one seal after another. Returns how many entries. One process at a time."""
    count = 0
    while True:
        with transaction.atomic():
            if not hold_for_transaction("accounts.journal.seal", wait=False):
                return count
            closed = _seal_once()
        count += closed
        if closed < BATCH:
            return count


def _seal_once() -> int:
    last = JournalSeal.objects.order_by("-number").first()
    after, awaited = (last.last_entry, list(last.gaps)) if last else (0, [])
    # Looked at before the entries: whoever ends meanwhile is seen at the next turn at the latest.
    oldest, next_one = _horizons()
    found = list(JournalEntry.objects.filter(pk__gt=after).order_by("pk").values(*_FIELDS)[:BATCH])
    late = list(JournalEntry.objects.filter(pk__in=awaited).order_by("pk").values(*_FIELDS)) if awaited else []
    if not found and not late:
        return 0
    rows = {row["id"]: row for row in late + found}
    reached = found[-1]["id"] if found else after
    missing = [pk for pk in awaited if pk not in rows]
    # Every transaction that had begun when these were missed has ended: they were undone. A horizon ahead of the
    # server's own count is that of a server before a restore.
    if last and (oldest >= last.horizon or next_one < last.horizon):
        missing = []
    # Before the first seal, a transaction under way may hold a key a little lower than the first one seen.
    begin = after + 1 if last else max(1, reached - BATCH)
    missing += [pk for pk in range(begin, reached + 1) if pk not in rows]
    name, key = next(iter(_keys().items()))
    made = JournalSeal(
        number=last.number + 1 if last else 1,
        sealed_at=timezone.now(),
        last_entry=reached,
        entries=list(rows),
        gaps=missing,
        horizon=next_one,
        key_id=name,
        previous=bytes(last.digest) if last else _START,
    )
    made.digests = _digests(key, made, rows.values())
    made.digest = _close(key, made)
    made.save(force_insert=True)
    # Kept by whoever keeps the logs, away from this database: what a whole chain cut short is found by.
    logger.info("journal_sealed", number=made.number, entries=len(rows), digest=bytes(made.digest).hex())
    return len(rows)


# ---- verification ----


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that should not be. `pk`: the entry's key, or the seal's number."""

    what: str
    pk: int
    sentence: str


@dataclass(slots=True)
class Verification:
    """What a verification read, and what it found."""

    seals: int = 0
    entries: int = 0
    unsealed: int = 0
    last_number: int = 0
    last_digest: str = ""
    findings: list[Finding] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        return not self.findings


def verify(*, anchor: tuple[int, str] | None = None) -> Verification:
    """Read the whole chain again. `anchor`: number and digest of a seal, as a log kept elsewhere has them."""
    result = Verification()
    previous, number, sealed_until = _START, 0, 0
    expected: set[int] = set()
    for one in JournalSeal.objects.order_by("number").iterator(chunk_size=50):
        result.findings += _look(one, previous, number + 1)
        rows = {row["id"]: row for row in _rows(one.entries)}
        result.findings += _compare(one, rows)
        result.findings += _added(one, sealed_until, expected)
        if anchor and one.number == anchor[0] and bytes(one.digest).hex() != anchor[1]:
            result.findings.append(Finding("seal", one.number, "n’est pas celui que le repère annonce"))
        previous, number, sealed_until, expected = bytes(one.digest), one.number, one.last_entry, set(one.gaps)
        result.seals += 1
        result.entries += len(rows)
    if anchor and anchor[0] > number:
        result.findings.append(Finding("seal", anchor[0], "a disparu : la fin de la chaîne manque"))
    result.last_number, result.last_digest = number, previous.hex() if number else ""
    result.unsealed = JournalEntry.objects.filter(pk__gt=sealed_until).count()
    return result


def _rows(keys: list[int]) -> Iterator[dict[str, Any]]:
    for start in range(0, len(keys), 1_000):
        yield from JournalEntry.objects.filter(pk__in=keys[start : start + 1_000]).values(*_FIELDS)


def _look(one: JournalSeal, previous: bytes, number: int) -> Iterable[Finding]:
    """The seal itself."""
    if one.number != number:
        yield Finding("seal", number, "a disparu")
    elif bytes(one.previous) != previous:
        yield Finding("seal", one.number, "ne suit pas le précédent")
    key = _keys().get(one.key_id)
    if key is None:
        yield Finding("seal", one.number, "a été fait avec une clé qui n’est pas dans le trousseau")
    elif bytes(one.digest) != _close(key, one):
        yield Finding("seal", one.number, "a été modifié")


def _compare(one: JournalSeal, rows: dict[int, dict[str, Any]]) -> Iterable[Finding]:
    """Each entry of the seal, against its digest: the one before it is taken from the seal, so that each is judged alone."""
    kept, key = bytes(one.digests), _keys().get(one.key_id, b"")
    for place, pk in enumerate(one.entries):
        if pk not in rows:
            yield Finding("entry", pk, "a disparu")
            continue
        before = kept[(place - 1) * 32 : place * 32] if place else bytes(one.previous)
        if _link(key, before, _canonical(rows[pk])) != kept[place * 32 : (place + 1) * 32]:
            yield Finding("entry", pk, "a été modifiée ou déplacée")


def _added(one: JournalSeal, after: int, awaited: set[int]) -> Iterable[Finding]:
    """Entries that stand among those of the seal, and that nobody sealed."""
    known = set(one.entries)
    there = JournalEntry.objects.filter(pk__gt=after, pk__lte=one.last_entry).values_list("pk", flat=True)
    late = set(one.gaps)
    for pk in sorted(set(there) - known - late):
        yield Finding("entry", pk, "a été ajoutée après le sceau")
    undone = awaited - known - late
    for pk in JournalEntry.objects.filter(pk__in=undone).values_list("pk", flat=True):
        yield Finding("entry", pk, "a été ajoutée après le sceau")
