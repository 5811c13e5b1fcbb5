"""What the other side remembers: first answers by message id, and engagements. One SQLite file, no personal data.

Tables (file `simulator.sqlite3` in the state folder):

* `answers`: message id → operation, AMC, dossier, digest of the request, first answer (bytes), instant. A repeated
  message id is answered from here, byte for byte.
* `engagements`: number → AMC, FINESS, dossier, domain, kind, amount in centimes, lines (JSON: line number → centimes),
  created, valid until, cancelled, billed.

Safe between threads (one lock) and between processes (WAL, immediate transactions); what is committed survives the
death of the process.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

FILE_NAME = "simulator.sqlite3"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS answers (
    message_id TEXT PRIMARY KEY,
    operation TEXT NOT NULL,
    amc_number TEXT NOT NULL,
    dossier_number TEXT NOT NULL,
    digest TEXT NOT NULL,
    answer BLOB NOT NULL,
    answered_at TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS answers_dossier ON answers (amc_number, dossier_number, operation);
CREATE TABLE IF NOT EXISTS engagements (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    number TEXT NOT NULL UNIQUE,
    amc_number TEXT NOT NULL,
    finess_legal TEXT NOT NULL,
    finess_site TEXT NOT NULL,
    dossier_number TEXT NOT NULL,
    domain TEXT NOT NULL,
    kind TEXT NOT NULL,
    amount_cents INTEGER NOT NULL CHECK (amount_cents >= 0),
    lines TEXT NOT NULL,
    message_id TEXT NOT NULL,
    created_at TEXT NOT NULL,
    valid_until TEXT NOT NULL,
    cancelled_at TEXT,
    billed_at TEXT
);
CREATE UNIQUE INDEX IF NOT EXISTS one_engagement_in_force
    ON engagements (amc_number, finess_legal, dossier_number) WHERE cancelled_at IS NULL;
"""


@dataclass(frozen=True, slots=True)
class Remembered:
    """The first answer to a message id, and the digest of the request that it answered."""

    digest: str
    answer: bytes


@dataclass(frozen=True, slots=True)
class Engagement:
    """A promise to pay. `amount` and `lines` (line number → amount) in euros, two decimals. Billed = DRE received."""

    number: str
    amc_number: str
    finess_legal: str
    finess_site: str
    dossier_number: str
    domain: str
    kind: str
    amount: Decimal
    lines: Mapping[int, Decimal]
    message_id: str
    created_at: datetime
    valid_until: date
    cancelled_at: datetime | None = None
    billed_at: datetime | None = None

    @property
    def in_force(self) -> bool:
        return self.cancelled_at is None


class UnknownEngagement(LookupError):
    """No engagement has this number."""


class Store:
    """The memory of the simulator, in one folder. Open it from as many processes as needed."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._depth = 0
        self._db = sqlite3.connect(folder / FILE_NAME, isolation_level=None, check_same_thread=False, timeout=10)
        self._db.row_factory = sqlite3.Row
        # WAL + NORMAL: a commit survives the death of the process (not of the machine), without a sync for each call.
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        with self._lock:
            self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything inside happens or nothing does, and no other thread or process writes meanwhile. May be nested."""
        with self._lock:
            if self._depth == 0:
                self._db.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
            except BaseException:
                self._depth -= 1
                if self._depth == 0:
                    self._db.execute("ROLLBACK")
                raise
            self._depth -= 1
            if self._depth == 0:
                self._db.execute("COMMIT")

    # ---- answers ----

    def remembered(self, message_id: str) -> Remembered | None:
        """The first answer to this message id, if one was given and remembered."""
        row = self._one("SELECT digest, answer FROM answers WHERE message_id = ?", message_id)
        return Remembered(row["digest"], bytes(row["answer"])) if row else None

    def remember(
        self, message_id: str, operation: str, amc_number: str, dossier_number: str, digest: str, answer: bytes
    ) -> None:
        """Keep the first answer. Raises sqlite3.IntegrityError when this message id has one already."""
        self._execute(
            "INSERT INTO answers VALUES (?, ?, ?, ?, ?, ?, ?)",
            message_id, operation, amc_number, dossier_number, digest, answer, _now().isoformat(),
        )  # fmt: skip

    def answered_count(self, operation: str, amc_number: str, dossier_number: str) -> int:
        """How many different messages of this operation were answered for a dossier."""
        row = self._one(
            "SELECT count(*) AS n FROM answers WHERE amc_number = ? AND dossier_number = ? AND operation = ?",
            amc_number, dossier_number, operation,
        )  # fmt: skip
        return int(row["n"]) if row else 0

    # ---- engagements ----

    def engagement(self, number: str) -> Engagement | None:
        """The engagement of this number, whatever its state."""
        row = self._one("SELECT * FROM engagements WHERE number = ?", number)
        return _engagement(row) if row else None

    def engagements(self) -> list[Engagement]:
        """All of them, oldest first."""
        with self._lock:
            rows = self._db.execute("SELECT * FROM engagements ORDER BY sequence").fetchall()
        return [_engagement(row) for row in rows]

    def engagement_in_force(self, amc_number: str, finess_legal: str, dossier_number: str) -> Engagement | None:
        """The engagement of a dossier that is not cancelled: there is at most one for an AMC."""
        row = self._one(
            "SELECT * FROM engagements WHERE amc_number = ? AND finess_legal = ? AND dossier_number = ?"
            " AND cancelled_at IS NULL",
            amc_number, finess_legal, dossier_number,
        )  # fmt: skip
        return _engagement(row) if row else None

    def next_engagement_number(self, amc_number: str, day: date) -> str:
        """A number never given before: 18 characters, the end of the AMC number, the year, a sequence.

        Call it in the transaction that creates the engagement.
        """
        row = self._one("SELECT coalesce(max(seq), 0) + 1 AS n FROM sqlite_sequence WHERE name = 'engagements'")
        sequence = int(row["n"]) if row else 1
        return f"E{amc_number[-5:]}{day:%y}{sequence:010d}"

    def create_engagement(self, engagement: Engagement) -> None:
        """Raises sqlite3.IntegrityError when the dossier has one in force already."""
        self._execute(
            "INSERT INTO engagements (number, amc_number, finess_legal, finess_site, dossier_number, domain, kind,"
            " amount_cents, lines, message_id, created_at, valid_until) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            engagement.number, engagement.amc_number, engagement.finess_legal, engagement.finess_site,
            engagement.dossier_number, engagement.domain, engagement.kind, _cents(engagement.amount),
            json.dumps({str(number): _cents(amount) for number, amount in engagement.lines.items()}),
            engagement.message_id, engagement.created_at.isoformat(), engagement.valid_until.isoformat(),
        )  # fmt: skip

    def cancel_engagement(self, number: str, at: datetime | None = None) -> datetime:
        """Cancel, and say when. Cancelling twice keeps the first instant. Raises UnknownEngagement."""
        return self._stamp("cancelled_at", number, at)

    def mark_billed(self, number: str, at: datetime | None = None) -> datetime:
        """The invoice (DRE-ES) of this engagement was received: it can no longer be cancelled. Raises
        UnknownEngagement. Marking twice keeps the first instant."""
        return self._stamp("billed_at", number, at)

    def unmark_billed(self, number: str) -> None:
        """The invoice was rejected: the engagement may be billed again, or cancelled. Raises UnknownEngagement."""
        if self._execute("UPDATE engagements SET billed_at = NULL WHERE number = ?", number) == 0:
            raise UnknownEngagement(number)

    # ---- plumbing ----

    def _stamp(self, column: str, number: str, at: datetime | None) -> datetime:
        with self.transaction():
            self._execute(
                f"UPDATE engagements SET {column} = coalesce({column}, ?) WHERE number = ?",
                (at or _now()).isoformat(), number,
            )  # fmt: skip
            row = self._one(f"SELECT {column} AS at FROM engagements WHERE number = ?", number)
        if row is None:
            raise UnknownEngagement(number)
        return datetime.fromisoformat(row["at"])

    def _one(self, sql: str, *parameters: object) -> sqlite3.Row | None:
        with self._lock:
            row: sqlite3.Row | None = self._db.execute(sql, parameters).fetchone()
        return row

    def _execute(self, sql: str, *parameters: object) -> int:
        with self.transaction():
            return self._db.execute(sql, parameters).rowcount


def _engagement(row: sqlite3.Row) -> Engagement:
    return Engagement(
        number=row["number"],
        amc_number=row["amc_number"],
        finess_legal=row["finess_legal"],
        finess_site=row["finess_site"],
        dossier_number=row["dossier_number"],
        domain=row["domain"],
        kind=row["kind"],
        amount=_euros(row["amount_cents"]),
        lines={int(number): _euros(cents) for number, cents in json.loads(row["lines"]).items()},
        message_id=row["message_id"],
        created_at=datetime.fromisoformat(row["created_at"]),
        valid_until=date.fromisoformat(row["valid_until"]),
        cancelled_at=datetime.fromisoformat(row["cancelled_at"]) if row["cancelled_at"] else None,
        billed_at=datetime.fromisoformat(row["billed_at"]) if row["billed_at"] else None,
    )


def _cents(amount: Decimal) -> int:
    return int(amount.scaleb(2).to_integral_exact())


def _euros(cents: int) -> Decimal:
    return Decimal(cents).scaleb(-2)


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
