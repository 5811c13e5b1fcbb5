"""The transport box: lots written by the application's codec, answers read by it, and trouble on demand."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from billing.exchange import (
    DreInvoice,
    DreLine,
    FileVerdict,
    InvoiceAnomaly,
    InvoicePayment,
    InvoiceRejection,
    LotAcknowledgement,
    LotHeader,
    Remittance,
    read_return,
    write_dre,
)
from gap.identifiers import nir_key
from simulator.store import Engagement, Store
from simulator.transport import Transport, run_loop

AMC = "0077567227"
NUMBER = "2840535238117"
NIR = NUMBER + nir_key(NUMBER)


def engagement(number: int, amount: str = "23.50", amc: str = AMC) -> Engagement:
    return Engagement(
        number=f"E{number:017d}",
        amc_number=amc,
        finess_legal="600100713",
        finess_site="600000194",
        dossier_number=f"{number:09d}",
        domain="MCO",
        kind="SEJOUR",
        amount=Decimal(amount),
        lines={1: Decimal(amount)},
        message_id=f"{number}",
        created_at=datetime(2026, 5, 3, 12),
        valid_until=date(2026, 12, 31),
    )


def invoice(number: int, amount: str = "23.50") -> DreInvoice:
    money = Decimal(amount)
    day = date(2026, 5, 2)
    line = DreLine(1, "FJ", 1, money, money, Decimal("0.00"), 0, Decimal("0.00"), money, day, day)
    return DreInvoice(
        number=f"26{number:07d}",
        engagement_number=f"E{number:017d}",
        engaged_amount=money,
        finess_site="600000194",
        stay_number=f"{number:09d}",
        nir=NIR,
        birth=date(1984, 5, 12),
        amc_number=AMC,
        entry=day,
        exit=day,
        domain="MCO",
        kind="SEJOUR",
        lines=(line,),
    )


def lot(number: int, *invoices: DreInvoice, test: bool = False) -> bytes:
    file = io.BytesIO()
    header = LotHeader(
        f"{number:09d}", AMC, "600100713", "600000194", datetime(2026, 5, 3, 14), "dre@amc.example", test=test
    )
    write_dre(header, invoices, file)
    return file.getvalue()


@dataclass
class Box:
    """The application's side of an exchange directory."""

    folder: Path
    store: Store
    delay_s: float = 0.0

    def __post_init__(self) -> None:
        self.transport = Transport(self.folder, self.store, self.delay_s)

    def drop(self, content: bytes, name: str = "lot.txt") -> None:
        temporary = self.folder / "out" / f"{name}.tmp"
        temporary.write_bytes(content)
        os.replace(temporary, self.folder / "out" / name)

    def want(self, **scenario: object) -> None:
        (self.folder / "scenario.json").write_text(json.dumps(scenario), encoding="utf-8")

    def received(self) -> list[tuple[FileVerdict, list[object]]]:
        """Every file of `in/`, read by the application's codec, payments and rejections after acknowledgements."""
        read = []
        for path in sorted((self.folder / "in").iterdir()):
            with path.open("rb") as file:
                items = list(read_return(file))
            verdict = items.pop()
            assert isinstance(verdict, FileVerdict)
            read.append((verdict, items[1:]))
        return read

    def records(self) -> list[object]:
        assert all(verdict.complete for verdict, _ in self.received())
        return [record for _, records in self.received() for record in records]

    def kinds(self) -> list[str]:
        return sorted(verdict.kind for verdict, _ in self.received())


@pytest.fixture
def box(tmp_path: Path) -> Box:
    store = Store(tmp_path / "state")
    for number in (1, 2, 3):
        store.create_engagement(engagement(number))
    return Box(tmp_path / "exchange", store)


def test_a_good_lot_is_acknowledged_and_paid(box: Box) -> None:
    box.drop(lot(1, invoice(1), invoice(2)))
    box.transport.tick()
    acknowledgement, remittance, first, second = box.records()
    assert isinstance(acknowledgement, LotAcknowledgement) and acknowledgement.accepted
    assert (acknowledgement.lot_number, acknowledgement.invoice_count) == ("000000001", 2)
    assert acknowledgement.amount == Decimal("47.00")
    assert isinstance(remittance, Remittance) and remittance.amount == Decimal("47.00")
    assert [(p.invoice_number, p.engagement_number, p.amount) for p in (first, second)] == [  # type: ignore[attr-defined]
        ("260000001", "E00000000000000001", Decimal("23.50")),
        ("260000002", "E00000000000000002", Decimal("23.50")),
    ]
    billed = box.store.engagement("E00000000000000001")
    assert billed is not None and billed.billed_at is not None


def test_the_lot_is_moved_and_nothing_is_left_behind(box: Box) -> None:
    box.drop(lot(1, invoice(1)), "DRE-0001.txt")
    box.transport.tick()
    assert [path.name for path in (box.folder / "sent").iterdir()] == ["DRE-0001.txt"]
    for name in ("out", ".work", ".due"):
        assert list((box.folder / name).iterdir()) == []


def test_a_file_still_being_written_is_left_alone(box: Box) -> None:
    for name in ("lot.txt.tmp", ".hidden"):
        (box.folder / "out" / name).write_bytes(lot(1, invoice(1))[:300])
    box.transport.tick()
    assert box.records() == [] and len(list((box.folder / "out").iterdir())) == 2


def test_the_name_of_a_return_tells_nothing_of_its_kind(box: Box) -> None:
    box.drop(lot(1, invoice(1), invoice(9)))
    box.transport.tick()
    names = [path.name for path in (box.folder / "in").iterdir()]
    assert len(names) == 3 and not any(kind in name for name in names for kind in ("ARL", "578", "908"))


@pytest.mark.parametrize(
    ("prepare", "code"),
    [
        (lambda store: None, "ENG-INC"),
        (lambda store: store.create_engagement(engagement(7, "23.51")), "MNT-DIF"),
        (lambda store: store.create_engagement(engagement(7, amc="0012345678")), "ENG-AMC"),
        (
            lambda store: (store.create_engagement(engagement(7)), store.cancel_engagement(engagement(7).number)),
            "ENG-ANN",
        ),
        (lambda store: (store.create_engagement(engagement(7)), store.mark_billed(engagement(7).number)), "ENG-FAC"),
    ],
    ids=["unknown", "other_amount", "other_amc", "cancelled", "billed_already"],
)
def test_an_invoice_that_does_not_match_its_engagement_is_rejected(
    box: Box, prepare: Callable[[Store], object], code: str
) -> None:
    prepare(box.store)
    box.drop(lot(1, invoice(1), invoice(7)))
    box.transport.tick()
    (rejection,) = [record for record in box.records() if isinstance(record, InvoiceRejection)]
    assert (rejection.invoice_number, rejection.code) == ("260000007", code)
    assert [p.invoice_number for p in box.records() if isinstance(p, InvoicePayment)] == ["260000001"]


def test_one_engagement_is_paid_once_in_a_lot(box: Box) -> None:
    box.drop(lot(1, invoice(1), dataclasses.replace(invoice(1), number="260000099")))
    box.transport.tick()
    assert box.kinds() == ["578R", "908R", "ARL"]


def test_a_rejected_invoice_can_be_billed_again_under_a_new_number(box: Box) -> None:
    box.want(reject_next={"code": "X01", "label": "Pour voir"})
    box.drop(lot(1, invoice(1)))
    box.transport.tick()
    (rejection,) = [record for record in box.records() if isinstance(record, InvoiceRejection)]
    assert (rejection.code, rejection.label) == ("X01", "Pour voir")
    box.drop(lot(2, invoice(1)))
    box.transport.tick()
    assert [p.lot_number for p in box.records() if isinstance(p, InvoicePayment)] == ["000000002"]


def test_a_lot_cut_on_its_way_is_refused_as_a_whole(box: Box) -> None:
    content = lot(1, invoice(1), invoice(2))
    for number, cut in enumerate((content[:-1], content[:-129], content[: 129 * 5 + 60])):
        box.drop(cut, f"{number}.txt")
        box.transport.tick()
    assert box.kinds() == ["ARL"] * 3
    verdicts = [record for record in box.records() if isinstance(record, LotAcknowledgement)]
    assert len(verdicts) == 3 and not any(verdict.accepted for verdict in verdicts)


def test_an_altered_lot_is_refused_and_nothing_is_paid(box: Box) -> None:
    box.drop(lot(1, invoice(1)).replace(b"0000002350", b"0000002360"))
    box.transport.tick()
    acknowledgement, *anomalies = box.records()
    assert isinstance(acknowledgement, LotAcknowledgement) and not acknowledgement.accepted
    assert acknowledgement.code == "LOT-CTRL" and all(isinstance(item, InvoiceAnomaly) for item in anomalies)
    assert box.store.engagement(engagement(1).number).billed_at is None  # type: ignore[union-attr]


def test_a_file_that_is_no_lot_is_put_aside_without_answer(box: Box) -> None:
    for number, content in enumerate((b"", b"hello\n", b"\xff" * 400, lot(1, invoice(1))[:40])):
        box.drop(content, f"{number}.txt")
    box.transport.tick()
    assert box.records() == [] and len(list((box.folder / "sent").iterdir())) == 4


def test_a_test_lot_moves_no_money(box: Box) -> None:
    box.drop(lot(1, invoice(1), test=True))
    box.transport.tick()
    assert box.kinds() == ["ARL"]


def test_the_acknowledgement_comes_before_the_payment(tmp_path: Path) -> None:
    store = Store(tmp_path / "state")
    store.create_engagement(engagement(1))
    box = Box(tmp_path / "exchange", store, delay_s=0.3)
    box.drop(lot(1, invoice(1)))
    box.transport.tick()
    assert box.kinds() == ["ARL"]
    time.sleep(0.35)
    box.transport.tick()
    assert box.kinds() == ["578R", "ARL"]


# ---- trouble on demand ----


def test_a_payment_may_differ_from_the_engagement(box: Box) -> None:
    box.want(pay_delta="-1.00")
    box.drop(lot(1, invoice(1), invoice(2)))
    box.transport.tick()
    assert [p.amount for p in box.records() if isinstance(p, InvoicePayment)] == [Decimal("22.50"), Decimal("23.50")]
    assert [r.amount for r in box.records() if isinstance(r, Remittance)] == [Decimal("46.00")]


def test_a_payment_may_take_money_back(box: Box) -> None:
    box.want(pay_delta="-30.00")
    box.drop(lot(1, invoice(1)))
    box.transport.tick()
    assert [p.amount for p in box.records() if isinstance(p, InvoicePayment)] == [Decimal("-6.50")]


@pytest.mark.parametrize(("wanted", "kind"), [(True, "578R"), ("ARL", "ARL"), ("578R", "578R")])
def test_a_return_cut_on_its_way_is_seen_and_comes_again_whole(box: Box, wanted: object, kind: str) -> None:
    box.want(truncate_next_return=wanted, delay_s=0)
    box.drop(lot(1, invoice(1)))
    box.transport.tick()
    (cut,) = [verdict for verdict, _ in box.received() if not verdict.complete]
    assert cut.kind == kind and "coupé" in cut.reasons_fr[0]
    time.sleep(0.15)
    box.transport.tick()
    assert sorted(verdict.kind for verdict, _ in box.received() if verdict.complete) == ["578R", "ARL"]


def test_the_same_return_may_come_twice(box: Box) -> None:
    box.want(duplicate_next_return=True)
    box.drop(lot(1, invoice(1)))
    box.transport.tick()
    assert box.kinds() == ["578R", "578R", "ARL"]
    contents = [path.read_bytes() for path in (box.folder / "in").iterdir()]
    assert len(set(contents)) == 2


def test_a_lot_may_be_refused_on_demand_with_each_invoice_named(box: Box) -> None:
    box.want(negative_arl_next={"code": "LOT-99", "label": "Demande"})
    box.drop(lot(1, invoice(1), invoice(2)))
    box.transport.tick()
    acknowledgement, *anomalies = box.records()
    assert isinstance(acknowledgement, LotAcknowledgement) and acknowledgement.code == "LOT-99"
    assert [item.invoice_number for item in anomalies] == ["", "260000001", "260000002"]  # type: ignore[attr-defined]
    assert box.kinds() == ["ARL"]


def test_a_lot_may_be_lost_and_the_next_one_is_not(box: Box) -> None:
    box.want(no_arl_next=True)
    box.drop(lot(1, invoice(1)))
    box.transport.tick()
    assert box.records() == []
    box.drop(lot(2, invoice(1)))
    box.transport.tick()
    assert box.kinds() == ["578R", "ARL"]
    assert json.loads((box.folder / "scenario.json").read_text()) == {}


def test_a_scenario_is_used_once_and_the_others_wait(box: Box) -> None:
    box.want(reject_next={"code": "X01", "label": ""}, pay_delta="1.00", delay_s=0)
    box.drop(lot(1, invoice(1), invoice(2)))
    box.transport.tick()
    assert json.loads((box.folder / "scenario.json").read_text()) == {"delay_s": 0}
    assert box.kinds() == ["578R", "908R", "ARL"]


# ---- life ----


def test_answers_that_wait_survive_a_restart(tmp_path: Path) -> None:
    store = Store(tmp_path / "state")
    store.create_engagement(engagement(1))
    box = Box(tmp_path / "exchange", store, delay_s=0.2)
    box.drop(lot(1, invoice(1)))
    box.transport.tick()
    time.sleep(0.25)
    Box(tmp_path / "exchange", store).transport.tick()
    assert box.kinds() == ["578R", "ARL"]


def test_a_lot_half_answered_by_a_crash_is_answered_again_and_paid(box: Box) -> None:
    (box.folder / ".work" / "lot.txt").write_bytes(lot(1, invoice(1)))
    box.store.mark_billed(engagement(1).number)
    again = Box(box.folder, box.store)
    again.transport.tick()
    assert again.kinds() == ["578R", "ARL"]


def test_the_loop_serves_until_it_is_stopped(box: Box) -> None:
    stop = threading.Event()
    thread = threading.Thread(
        target=run_loop, args=(box.folder, box.store, stop), kwargs={"poll_s": 0.02, "return_delay_s": 0.05}
    )
    thread.start()
    box.drop(lot(1, invoice(1)))
    end = time.monotonic() + 10
    while len(list((box.folder / "in").iterdir())) < 2 and time.monotonic() < end:
        time.sleep(0.02)
    stop.set()
    thread.join(5)
    assert not thread.is_alive() and box.kinds() == ["578R", "ARL"]


def test_the_transport_imports_nothing_of_the_application() -> None:
    code = (
        "import sys; import simulator.transport;"
        "print([n for n in sys.modules if n.split('.')[0] in ('gap', 'billing', 'debtors', 'teleservices', 'django')])"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
