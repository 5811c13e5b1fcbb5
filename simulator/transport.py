"""The transport box and the AMC's recovery side: lots in, acknowledgements, payments and rejections back.

Folders of the exchange directory: `out/` (the application drops lots there by renaming; `*.tmp` and hidden files are
not its business yet), `sent/` (lots taken), `in/` (what comes back, renamed in when whole). `.work/` and `.due/` are
ours: a lot being answered, and answers that wait for their time; both survive a crash.

A lot gets an ARL at once; then, after a short delay, one 578R for the invoices accepted and one 908R for those refused
(unknown, cancelled or already billed engagement, another AMC's, another amount). A refused or a test lot gets its ARL
only.

`scenario.json`, in the exchange directory, changes what happens next; each key is used once, then removed:

* `"reject_next": {"code": "…", "label": "…"}` the next invoice is rejected;
* `"pay_delta": "-1.00"` the next invoice paid is paid so much more (or less) than engaged;
* `"truncate_next_return": true` (or `"ARL"`, `"578R"`, `"908R"`) the next return (578R or 908R unless said) comes cut,
  then whole after another delay;
* `"duplicate_next_return": true` the next 578R or 908R comes twice, under two names;
* `"negative_arl_next": true` (or `{"code", "label"}`) the next lot is refused as a whole;
* `"no_arl_next": true` the next lot is lost: neither ARL nor return.
* `"delay_s": 2.5` (kept) seconds between a lot and its returns.
"""

from __future__ import annotations

import itertools
import json
import os
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Protocol

from simulator.exchange_files import Lot, LotInvoice, Row, Sender, Written, read_lot, write_return

POLL_S: Final = 0.2
RETURN_DELAY_S: Final = 1.0
SCENARIO: Final = "scenario.json"


class EngagementLike(Protocol):
    """What is needed of an engagement."""

    @property
    def amount(self) -> Decimal: ...
    @property
    def amc_number(self) -> str: ...
    @property
    def cancelled_at(self) -> datetime | None: ...
    @property
    def billed_at(self) -> datetime | None: ...


class EngagementStore(Protocol):
    """What is needed of the simulator's memory."""

    def engagement(self, number: str) -> EngagementLike | None: ...
    def mark_billed(self, number: str) -> object: ...


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an invoice won't be paid. Codes are ours; ASCII, as in the files."""

    code: str
    label: str


UNKNOWN = Refusal("ENG-INC", "Engagement inconnu")
CANCELLED = Refusal("ENG-ANN", "Engagement annule")
OTHER_AMC = Refusal("ENG-AMC", "Engagement d'une autre AMC")
BILLED = Refusal("ENG-FAC", "Engagement deja facture")
AMOUNT = Refusal("MNT-DIF", "Montant different de l'engagement")
ON_DEMAND = Refusal("LOT-REF", "Lot refuse")


def run_loop(
    exchange_dir: Path,
    store: EngagementStore,
    stop_event: threading.Event,
    *,
    poll_s: float = POLL_S,
    return_delay_s: float = RETURN_DELAY_S,
) -> None:
    """Serve the exchange directory until `stop_event` is set."""
    transport = Transport(exchange_dir, store, return_delay_s)
    while not stop_event.is_set():
        transport.tick()
        stop_event.wait(poll_s)


class Transport:
    """One exchange directory. `tick` does what is to be done now."""

    def __init__(self, exchange_dir: Path, store: EngagementStore, return_delay_s: float = RETURN_DELAY_S) -> None:
        self._folder = exchange_dir
        self._store = store
        self._delay_s = return_delay_s
        for name in ("out", "sent", "in", ".work", ".due"):
            (exchange_dir / name).mkdir(parents=True, exist_ok=True)
        # A lot that a crash left half answered: its engagements may be marked already.
        for path in _files(exchange_dir / ".work"):
            self._serve(path, again=True)

    def tick(self) -> None:
        """Take the lots that have arrived, deliver the answers whose time has come."""
        for path in _files(self._folder / "out"):
            taken = self._folder / ".work" / path.name
            os.replace(path, taken)
            self._serve(taken)
        now_ms = _now_ms()
        for path in _files(self._folder / ".due"):
            due_ms, _, name = path.name.partition("_")
            if int(due_ms) <= now_ms:
                os.replace(path, _free(self._folder / "in" / name))

    def _serve(self, path: Path, *, again: bool = False) -> None:
        lot = read_lot(path.read_bytes())
        if lot is not None and not self._scenario("no_arl_next"):
            self._answer(lot, again)
        os.replace(path, self._folder / "sent" / path.name)

    def _answer(self, lot: Lot, again: bool) -> None:
        problems = list(lot.problems)
        wanted = self._scenario("negative_arl_next")
        if wanted:
            refusal = Refusal(**wanted) if isinstance(wanted, dict) else ON_DEMAND
            problems.append((refusal.code, refusal.label))
        self._send_arl(lot, problems)
        if problems or lot.test:
            return
        verdicts = self._verdicts(lot, again)
        paid = [invoice for invoice, refusal in verdicts if refusal is None]
        refused = [(invoice, refusal) for invoice, refusal in verdicts if refusal is not None]
        if paid:
            self._send_payments(lot, paid)
        if refused:
            self._send_rejections(lot, refused)
        for invoice in paid:
            self._store.mark_billed(invoice.engagement_number)

    def _verdicts(self, lot: Lot, again: bool) -> list[tuple[LotInvoice, Refusal | None]]:
        seen: set[str] = set()
        verdicts = []
        for invoice in lot.invoices:
            refusal = self._refusal(lot, invoice, again)
            if refusal is None and invoice.engagement_number in seen:
                refusal = BILLED
            if refusal is None:
                seen.add(invoice.engagement_number)
            verdicts.append((invoice, refusal))
        return verdicts

    def _refusal(self, lot: Lot, invoice: LotInvoice, again: bool) -> Refusal | None:
        wanted = self._scenario("reject_next")
        if wanted:
            return Refusal(wanted["code"], wanted["label"])
        engagement = self._store.engagement(invoice.engagement_number)
        if engagement is None:
            return UNKNOWN
        if engagement.amc_number != lot.amc_number:
            return OTHER_AMC
        if engagement.cancelled_at is not None:
            return CANCELLED
        if engagement.billed_at is not None and not again:
            return BILLED
        return None if engagement.amount == invoice.amount else AMOUNT

    # ---- answers ----

    def _send_arl(self, lot: Lot, problems: list[tuple[str, str]]) -> None:
        verdict: dict[str, Written] = {
            "lot_number": lot.number,
            "verdict": "N" if problems else "P",
            "invoice_count": len(lot.invoices),
            "amount": lot.amount,
            "code": problems[0][0] if problems else "",
            "label": problems[0][1] if problems else "",
        }
        rows: list[Row] = [("100", verdict)]
        for code, label in problems:
            rows.append(("110", {"lot_number": lot.number, "code": code, "label": label}))
            # Every invoice of a refused lot must be sent again: they are named.
            for invoice in lot.invoices:
                values = {"invoice_number": invoice.number, "code": code, "label": label}
                rows.append(("110", {"lot_number": lot.number, **values}))
        self._deliver("ARL", lot, rows, lot.amount, delay_s=0)

    def _send_payments(self, lot: Lot, invoices: list[LotInvoice]) -> None:
        delta = Decimal(str(self._scenario("pay_delta") or "0"))
        amounts = [invoice.amount + (delta if index == 0 else 0) for index, invoice in enumerate(invoices)]
        total = sum(amounts, Decimal("0.00"))
        transfer: dict[str, Written] = {
            "reference": f"VIR{lot.amc_number[-5:]}{lot.number}",
            "paid_on": datetime.now().date(),
        }
        rows: list[Row] = [("200", {**transfer, **_signed(total), "invoice_count": len(invoices)})]
        for invoice, amount in zip(invoices, amounts, strict=True):
            rows.append(("210", {**transfer, **_names(lot, invoice), **_signed(amount)}))
        self._deliver("578R", lot, rows, total, delay_s=self._return_delay_s())

    def _send_rejections(self, lot: Lot, refused: list[tuple[LotInvoice, Refusal]]) -> None:
        today = datetime.now().date()
        rows: list[Row] = [
            ("300", {**_names(lot, invoice), "rejected_on": today, "code": refusal.code, "label": refusal.label})
            for invoice, refusal in refused
        ]
        self._deliver("908R", lot, rows, Decimal("0.00"), delay_s=self._return_delay_s())

    def _deliver(self, kind: str, lot: Lot, rows: list[Row], total: Decimal, *, delay_s: float) -> None:
        # The kind is in the content only: a name proves nothing.
        number = {"ARL": "1", "578R": "2", "908R": "3"}[kind] + lot.number[-8:]
        sender = Sender(number, lot.amc_number, lot.finess_legal, datetime.now())
        content = write_return(kind, sender, rows, total)
        name = f"R{lot.amc_number}-{number}"
        if self._truncates(kind):
            # In the middle of the last detail record: the shape that a broken transfer gives.
            self._due(f"{name}-1.txt", content[: -129 - 50], delay_s)
            delay_s += max(self._return_delay_s(), 0.1)
        self._due(f"{name}.txt", content, delay_s)
        if kind != "ARL" and self._scenario("duplicate_next_return"):
            self._due(f"{name}-2.txt", content, delay_s)

    def _truncates(self, kind: str) -> bool:
        wanted = self._peek().get("truncate_next_return")
        if wanted == kind or (wanted is True and kind != "ARL"):
            return bool(self._scenario("truncate_next_return"))
        return False

    def _due(self, name: str, content: bytes, delay_s: float) -> None:
        """Keep an answer until its time."""
        folder = self._folder / ".due"
        temporary = folder / f"{name}.tmp"
        temporary.write_bytes(content)
        os.replace(temporary, folder / f"{_now_ms() + int(delay_s * 1000)}_{name}")

    # ---- scenario ----

    def _return_delay_s(self) -> float:
        return float(self._peek().get("delay_s", self._delay_s))

    def _peek(self) -> dict[str, Any]:
        try:
            wanted = json.loads((self._folder / SCENARIO).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        return wanted if isinstance(wanted, dict) else {}

    def _scenario(self, key: str) -> Any:
        """What is wanted for this key, once."""
        wanted = self._peek()
        if key not in wanted:
            return None
        value = wanted.pop(key)
        temporary = self._folder / f"{SCENARIO}.tmp"
        temporary.write_text(json.dumps(wanted), encoding="utf-8")
        os.replace(temporary, self._folder / SCENARIO)
        return value


def _files(folder: Path) -> Iterable[Path]:
    """Whole files of a folder, oldest name first."""
    return sorted(
        path for path in folder.iterdir() if path.is_file() and path.suffix != ".tmp" and not path.name.startswith(".")
    )


def _free(path: Path) -> Path:
    """This name, or one beside it: an answer not read yet is never overwritten."""
    candidates = (path.with_stem(f"{path.stem}-{number}") for number in itertools.count(2))
    return path if not path.exists() else next(candidate for candidate in candidates if not candidate.exists())


def _now_ms() -> int:
    return int(time.time() * 1000)


def _names(lot: Lot, invoice: LotInvoice) -> dict[str, str]:
    return {
        "lot_number": lot.number,
        "invoice_number": invoice.number,
        "engagement_number": invoice.engagement_number,
    }


def _signed(amount: Decimal) -> dict[str, str | Decimal]:
    return {"sign": "-" if amount < 0 else "+", "amount": abs(amount)}
