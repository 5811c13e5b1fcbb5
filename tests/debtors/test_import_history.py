"""Years of cards with the debtor of each: lines vote, nothing of what the table knows is touched, and all of it can be left."""

from __future__ import annotations

import io
import time
import tracemalloc
import zipfile
from datetime import date
from decimal import Decimal

import pytest
import xlsxwriter
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.enums import Role
from accounts.models import User
from debtors.datamatrix import CardFields, Convention, encode
from debtors.enums import AssociationStatus, ImportKind, ImportState, VoteFate
from debtors.imports import history, reading, runs
from debtors.models import DatamatrixAssociation, Debtor, FileImport, ImportVote
from tests.factories import AssociationFactory, DebtorFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def loire() -> Debtor:
    return DebtorFactory(code="AMC1", name="Alliance Loire Santé", amc_number="0099000104")


@pytest.fixture
def rail() -> Debtor:
    return DebtorFactory(code="AMC2", name="Prévoyance du Rail", amc_number="0099000205")


def table(*lines: str, header: str = "n° AMC;convention;code débiteur") -> bytes:
    return "\n".join([header, *lines]).encode()


def given(content: bytes, name: str = "cartes-2025.csv", user: User | None = None) -> FileImport:
    row = runs.give(ImportKind.HISTORY, name, content, user)
    runs.run(row.pk)
    row.refresh_from_db()
    return row


def votes(row: FileImport) -> dict[str, tuple[str, int, int, str]]:
    return {vote.amc_number: (vote.debtor.code, vote.lines, vote.share, vote.fate) for vote in row.votes.all()}


def applied(row: FileImport, share: int = 80, *, validates: bool = False) -> FileImport:
    runs.start(row.pk, least_share=share, validates=validates)
    runs.run(row.pk)
    row.refresh_from_db()
    return row


def test_lines_vote_context_by_context_and_nothing_is_created_before_it_is_decided(loire, rail) -> None:
    lines = ["99000104;RO;AMC1"] * 9 + ["99000104;RO;AMC2"] + ["0099 000 205;AC;AMC2", "1;AC;AMC1", "1;AC;AMC2"]
    row = given(table(*lines))
    assert (row.state, row.lines_count, row.refused_count) == (ImportState.READY, 13, 0)
    assert votes(row) == {
        "0099000104": ("AMC1", 10, 90, VoteFate.NEW),
        "0099000205": ("AMC2", 1, 100, VoteFate.NEW),
        "0000000001": ("AMC1", 2, 50, VoteFate.SPLIT),
    }
    assert row.votes.get(amc_number="0099000104").second == rail
    assert not DatamatrixAssociation.objects.exists()
    assert applied(row).applied_count == 2
    made = DatamatrixAssociation.objects.get(amc_number="0099000104")
    assert (made.debtor, made.status, made.use_count) == (loire, AssociationStatus.TO_VALIDATE, 10)


def test_what_the_table_says_is_never_changed(loire, rail) -> None:
    AssociationFactory(debtor=loire, amc_number="0000000001", convention="RO")
    AssociationFactory(debtor=loire, amc_number="0000000002", convention="RO", status=AssociationStatus.REJECTED)
    AssociationFactory(debtor=rail, amc_number="0000000003", convention="RO")
    before = list(DatamatrixAssociation.objects.order_by("pk").values())
    row = given(table(*(f"{number};RO;AMC1" for number in (1, 2, 3))))
    fates = {number: fate for number, (_, _, _, fate) in votes(row).items()}
    assert list(fates.values()) == [VoteFate.KNOWN, VoteFate.REJECTED, VoteFate.STANDS]
    assert applied(row).applied_count == 0
    assert list(DatamatrixAssociation.objects.order_by("pk").values()) == before


def test_what_an_agent_teaches_at_the_very_instant_stands_and_the_rest_is_created(loire, rail, monkeypatch) -> None:
    row = given(table("1;RO;AMC1", "2;RO;AMC1"))
    AssociationFactory(debtor=loire, amc_number="0000000001", convention="RO", status=AssociationStatus.TO_VALIDATE)
    monkeypatch.setattr(history, "_known", lambda _contexts: {})
    assert applied(row).applied_count == 1
    assert [vote[3] for vote in votes(row).values()] == [VoteFate.STANDS, VoteFate.CREATED]


def test_what_an_agent_taught_between_the_reading_and_the_decision_stands(loire, rail) -> None:
    row = given(table("1;RO;AMC1", "2;RO;AMC1"))
    AssociationFactory(debtor=rail, amc_number="0000000001", convention="RO", status=AssociationStatus.TO_VALIDATE)
    assert applied(row).applied_count == 1
    assert votes(row)["0000000001"][3] == VoteFate.STANDS


def test_the_majority_asked_decides_and_a_referent_may_validate_at_once(loire, rail, person) -> None:
    referent = person(Role.REFERENT)
    row = given(table(*["1;RO;AMC1"] * 3, "1;RO;AMC2", "2;RO;AMC2"), user=referent)
    assert votes(row)["0000000001"] == ("AMC1", 4, 75, VoteFate.SPLIT)
    applied(row, 75, validates=True)
    made = DatamatrixAssociation.objects.values_list("status", "debtor__code", "decided_by")
    assert set(made) == {(AssociationStatus.VALIDATED, code, referent.pk) for code in ("AMC1", "AMC2")}


def test_whole_cards_are_read_with_their_amounts_and_dates_and_never_kept(loire) -> None:
    card = encode(
        CardFields(amc_number="0099000104", conventions=(Convention("RO"),), csr="75A200488", member_number="12345678")
    ).replace("\x1d", "<F8>")
    header = "Débiteur\tCarte\tMontant\tDate de soins\tType"
    lines = [
        f"ALLIANCE LOIRE SANTE\t{card}\t1 234,56 €\t03/02/2025\texterne",
        "Alliance Loire Santé\tune carte d’ailleurs\t10\t2025-01-02\t",
    ]
    row = given(table(*lines, header=header))
    assert row.refusals == []
    read, raw = row.votes.order_by("-amc_number")
    assert (read.convention, read.csr, read.amount, read.first_day) == (
        "RO", "75A200488", Decimal("1234.56"), date(2025, 2, 3),
    )  # fmt: skip
    assert raw.amc_number == "" and len(raw.fingerprint) == 64
    assert not row.file
    applied(row)
    assert DatamatrixAssociation.objects.get(amc_number="").fingerprint == raw.fingerprint
    assert DatamatrixAssociation.objects.get(csr="75A200488").valid_from == date(2025, 2, 3)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("99000104;RO;", "Le débiteur manque."),
        ("99000104;RO;AMC9", "n’est pas une complémentaire en activité"),
        ("9900010x;RO;AMC1", "n’a pas de 1 à 10 chiffres"),
        (";RO;AMC1", "Ni carte ni n° AMC."),
        ("1;ROX;AMC1", "deux lettres au plus"),
    ],
    ids=["no debtor", "unknown debtor", "letters", "no card", "long convention"],
)
def test_a_line_that_cannot_count_says_why_by_its_number(line, why, loire) -> None:
    row = given(table("1;RO;AMC1", line))
    assert (row.lines_count, row.refused_count) == (2, 1)
    [[number, said]] = row.refusals
    assert number == 3 and why in said
    assert row.votes.count() == 1


def test_a_workbook_is_read_as_well(loire) -> None:
    book = io.BytesIO()
    with xlsxwriter.Workbook(book, {"in_memory": True}) as workbook:
        sheet = workbook.add_worksheet()
        for place, cells in enumerate([["N° AMC", "Code débiteur", "Date"], [99000104, "AMC1", "02/01/2025"]]):
            sheet.write_row(place, 0, cells)
    assert votes(given(book.getvalue(), "cartes.xlsx")) == {"0099000104": ("AMC1", 1, 100, VoteFate.NEW)}


def _bomb() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(4):
            archive.writestr(f"xl/{number}.xml", b"0" * 90_000_000)
    return packed.getvalue()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"une seule ligne sans titre", "Aucune colonne"),
        (b"\n\n", "vide"),
        (b"PK\x03\x04 pas un classeur", "ne s’ouvre pas"),
        (b"a;b\0c", "ni un CSV"),
        (b'n amc;code\n1;"' + b"x" * 200_000, "trop longue"),
        (_bomb(), "trop gros"),
    ],
    ids=["no header", "blank", "not a workbook", "binary", "endless quote", "bomb"],
)
def test_what_cannot_be_read_says_so_and_may_be_given_again(content, said, loire) -> None:
    row = given(content)
    assert row.state == ImportState.FAILED and said in row.problem
    assert not row.file
    assert given(content).pk != row.pk


def test_the_same_file_is_taken_once_unless_it_was_dropped(loire) -> None:
    content = table("1;RO;AMC1")
    row = given(content)
    with pytest.raises(runs.ImportRefused, match="déjà là"):
        runs.give(ImportKind.HISTORY, "autre-nom.csv", content, None)
    runs.drop(row.pk)
    assert applied(given(content)).applied_count == 1
    with pytest.raises(runs.ImportRefused, match="déjà là"):
        runs.give(ImportKind.HISTORY, "encore.csv", content, None)


def test_a_reading_or_an_application_that_was_cut_is_taken_up_by_another(loire, monkeypatch) -> None:
    row = runs.give(ImportKind.HISTORY, "cartes.csv", table(*(f"{n};RO;AMC1" for n in range(1, 6))), None)
    monkeypatch.setattr(history, "_AT_ONCE", 2)
    runs.run(row.pk)
    runs.start(row.pk, least_share=80, validates=False)

    def fall(_done: int) -> None:
        raise SystemExit

    with pytest.raises(SystemExit):
        history.apply(FileImport.objects.get(pk=row.pk), fall)
    assert DatamatrixAssociation.objects.count() == 2
    FileImport.objects.update(working_until=timezone.now(), created_at=timezone.now())
    runs.sweep()
    row.refresh_from_db()
    assert (row.state, row.applied_count, DatamatrixAssociation.objects.count()) == (ImportState.DONE, 5, 5)


def test_whoever_comes_second_finds_the_file_taken(loire) -> None:
    row = runs.give(ImportKind.HISTORY, "cartes.csv", table("1;RO;AMC1"), None)
    FileImport.objects.update(working_until=timezone.now() + timezone.timedelta(minutes=1))
    runs.run(row.pk)
    row.refresh_from_db()
    assert row.state == ImportState.WAITING


def test_many_lines_are_read_and_applied_in_proportion_and_within_bounds_of_memory() -> None:
    """A tenth of a large hospital's file, in a tenth of its minute (bench/imports.py measures the whole)."""
    Debtor.objects.bulk_create(
        [Debtor(kind="AMC", code=f"C{n}", name=f"Mutuelle {n}", amc_number=f"{n:010d}") for n in range(200)]
    )
    lines = (f"{n % 2_000 + 1};RO;C{n % 200};03/0{n % 9 + 1}/2025;12,50" for n in range(10_000))
    content = table(*lines, header="amc;convention;code;date;montant")
    started = time.process_time()
    tracemalloc.start()
    row = given(content)
    read_at_most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (row.lines_count, row.refused_count, row.votes.count()) == (10_000, 0, 2_000)
    assert read_at_most < 30 * 1024 * 1024, read_at_most
    with CaptureQueriesContext(connection) as queries:
        applied(row)
    assert DatamatrixAssociation.objects.count() == 2_000
    assert len(queries) < 60, "some statements for five hundred contexts"
    assert time.process_time() - started < 20, "of this processor, with memory traced"


@pytest.mark.parametrize("text", ["", "12", "1 234,56 €", "1234.5"])
def test_amounts_are_read_as_people_write_them(text) -> None:
    assert reading.amount(text) >= 0


# ---- the command ----


def test_the_command_says_what_would_come_and_keeps_nothing_of_a_dry_run(tmp_path, capsys, loire) -> None:
    file = tmp_path / "cartes.csv"
    file.write_bytes(table("1;RO;AMC1", "2;RO;AMC9"))
    call_command("import_history", str(file), "--dry-run")
    out = capsys.readouterr().out
    assert "2 lignes lues, 1 refusées" in out and "ligne 3" in out and "Rien n’a été gardé" in out
    assert not ImportVote.objects.exists()
    call_command("import_history", str(file), "--apply")
    assert "1 associations créées" in capsys.readouterr().out
    with pytest.raises(CommandError, match="déjà là"):
        call_command("import_history", str(file))


# ---- the screens ----


def test_a_referent_gives_a_file_reads_what_it_says_and_decides(signed_in, loire) -> None:
    client = signed_in(Role.REFERENT)
    upload = SimpleUploadedFile("cartes.csv", table("1;RO;AMC1", "x;RO;AMC1"))
    answer = client.post("/debiteurs/imports/", {"kind": "history", "file": upload})
    row = FileImport.objects.get()
    assert answer["Location"] == f"/debiteurs/imports/{row.pk}/"
    assert "Lecture en cours" in client.get(answer["Location"]).text
    runs.run(row.pk)
    part = client.get(answer["Location"], headers={"HX-Request": "true"})
    assert part["HX-Refresh"] == "true"
    shown = client.get(answer["Location"]).text
    assert "Alliance Loire Santé" in shown and "n’a pas de 1 à 10 chiffres" in shown
    assert client.get(f"{answer['Location']}refus.csv").getvalue().decode().count("\n") >= 2
    wrong = client.post(f"{answer['Location']}appliquer/", {"share": "40"})
    assert wrong.status_code == 422 and "de 51 à 100" in wrong.text
    client.post(f"{answer['Location']}appliquer/", {"share": "80"})
    runs.run(row.pk)
    assert DatamatrixAssociation.objects.count() == 1
    late = client.post(f"{answer['Location']}abandonner/", follow=True)
    assert "ne s’abandonne plus" in late.text


@pytest.mark.parametrize("files", [{}, {"file": SimpleUploadedFile("vide.csv", b"")}], ids=["none", "empty"])
def test_no_file_is_said(files, signed_in) -> None:
    answer = signed_in(Role.REFERENT).post("/debiteurs/imports/", files)
    assert answer.status_code == 422


def test_an_import_costs_the_same_queries_for_one_vote_and_for_fifty(signed_in, loire) -> None:
    client = signed_in(Role.REFERENT)
    few, many = (given(table(*(f"{n};RO;AMC1" for n in range(1, count)))) for count in (2, 60))
    costs = []
    for row in (few, many):
        client.get(f"/debiteurs/imports/{row.pk}/")
        with CaptureQueriesContext(connection) as queries:
            client.get(f"/debiteurs/imports/{row.pk}/")
        costs.append(len(queries))
    assert costs[0] == costs[1] <= 12
