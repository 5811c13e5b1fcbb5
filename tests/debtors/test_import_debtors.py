"""Records of debtors from a file: created, brought up to date, or left to a person when they look like another."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command

from accounts.enums import Role
from debtors import upkeep
from debtors.enums import ChangeState, Doubles, ImportKind, ImportState, RecordFate
from debtors.imports import runs
from debtors.models import Debtor, DebtorChange, FileImport
from tests.factories import DebtorFactory

pytestmark = pytest.mark.django_db

HEADER = "Code;Nom;N° AMC;Opérateur;Adresse;CP;Ville"


def table(*lines: str, header: str = HEADER) -> bytes:
    return "\n".join([header, *lines]).encode("cp1252")


def given(content: bytes) -> FileImport:
    row = runs.give(ImportKind.DEBTORS, "organismes.csv", content, None)
    runs.run(row.pk)
    row.refresh_from_db()
    assert row.state == ImportState.READY, row.problem
    return row


def applied(row: FileImport, doubles: Doubles = Doubles.LEAVE) -> dict[str, str]:
    runs.start(row.pk, doubles=doubles)
    runs.run(row.pk)
    return fates(row)


def fates(row: FileImport) -> dict[str, str]:
    return {record.values["code"]: record.fate for record in row.records.all()}


def test_a_bank_account_is_read_checked_and_written_without_its_spaces() -> None:
    DebtorFactory(code="AMC1", name="Solivie", amc_number="0099000104")
    lines = (
        "AMC1;Solivie;99000104;fr14 2004 1010 0505 0001 3m02 606",
        "AMC2;Novaprev;99000205;FR14 2004 1010 0505 0001 3M02 607",
    )
    row = given(table(*lines, header="Code;Nom;N° AMC;RIB"))
    assert row.refusals == [[3, "L’IBAN n’est pas valable."]]
    applied(row)
    assert Debtor.objects.get(code="AMC1").iban == "FR1420041010050500013M02606"


def test_records_are_compared_then_created_and_brought_up_to_date() -> None:
    DebtorFactory(code="AMC1", name="Solivie", amc_number="0099000104", town="Brest")
    DebtorFactory(code="AMC2", name="Novaprev", amc_number="0099000205", town="Lille")
    row = given(
        table(
            "AMC1;Solivie;99000104;Uniprev;1 rue du Port;1000;Bourg",
            "AMC2;Novaprev;99000205;;;;",
            ";Mutuelle du Rail;99000306;Uniprev;;29200;Brest",
        )
    )
    assert fates(row) == {"AMC1": "update", "AMC2": "same", "AMC0099000306": "new"}
    assert Debtor.objects.count() == 2
    assert applied(row) == {"AMC1": "updated", "AMC2": "same", "AMC0099000306": "created"}
    known, made = Debtor.objects.get(code="AMC1"), Debtor.objects.get(amc_number="0099000306")
    assert (known.town, known.postcode, str(known.operator)) == ("Bourg", "01000", "Uniprev")
    assert (made.name, made.operator) == ("Mutuelle du Rail", known.operator)


def test_what_a_person_wrote_is_proposed_and_an_empty_cell_says_nothing() -> None:
    debtor = DebtorFactory(code="AMC1", name="Solivie", amc_number="0099000104", town="Brest", address="1 quai")
    upkeep.edit(debtor.pk, {"town": "Quimper"}, None, version=0)
    applied(given(table("AMC1;Solivie;99000104;;;;Lorient")))
    debtor.refresh_from_db()
    assert (debtor.town, debtor.address) == ("Quimper", "1 quai")
    assert DebtorChange.objects.get(state=ChangeState.PROPOSED).after == "Lorient"


@pytest.mark.parametrize(
    ("doubles", "fate", "count"),
    [(Doubles.LEAVE, "double", 1), (Doubles.UPDATE, "updated", 1), (Doubles.CREATE, "created", 2)],
)
def test_a_double_is_what_the_person_says(doubles, fate, count) -> None:
    DebtorFactory(code="AMC1", name="Mutuelle des Estuaires", amc_number="0099000104", town="Brest")
    row = given(table("X77;MUT. DES ESTUAIRES;99000104;;3 rue Neuve;;Brest"))
    assert row.records.get().near == Debtor.objects.get()
    assert applied(row, doubles) == {"X77": fate}
    assert Debtor.objects.count() == count
    assert Debtor.objects.filter(address="3 rue Neuve").exists() == (doubles != Doubles.LEAVE)


def test_a_centre_of_an_amc_that_has_several_is_no_double() -> None:
    DebtorFactory(code="R1", name="Prévoyance du Rail, centre Nord", amc_number="0099000104", multiple_centres=True)
    assert fates(given(table("R2;Prévoyance du Rail, centre Sud;99000104;;;;"))) == {"R2": RecordFate.NEW}


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("X1;;99000104;;;;", "Le nom manque"),
        ("X1;Solivie;;;;;", "n’a pas de 1 à 10 chiffres"),
        ("X1;Solivie;1;;;2A004;", "code postal"),
        ("AMC1;Solivie;1;;;;", "un autre n° AMC"),
        (f"{'X' * 21};Solivie;1;;;;", "dépasse 20 signes"),
        ("N1;Solivie;1;;;;", "déjà à la ligne 2"),
    ],
    ids=["no name", "no number", "postcode", "other number", "long code", "twice"],
)
def test_a_line_that_cannot_be_taken_says_why(line, why) -> None:
    DebtorFactory(code="AMC1", amc_number="0099000104")
    row = given(table("N1;Nouvelle;5;;;;", line))
    [[number, said]] = row.refusals
    assert number == 3 and why in said


def test_a_code_typed_since_the_reading_is_brought_up_to_date() -> None:
    row = given(table("X1;Solivie;99000104;;;;Brest"))
    DebtorFactory(code="X1", amc_number="0099000104", town="Lille")
    assert applied(row) == {"X1": "updated"}
    assert Debtor.objects.get().town == "Brest"


def test_the_command_and_the_screen_do_the_same(tmp_path, capsys, signed_in) -> None:
    file = tmp_path / "organismes.csv"
    file.write_bytes(table("X1;Solivie;99000104;;;;Brest"))
    call_command("import_debtors", str(file), "--dry-run")
    assert "à créer : 1" in capsys.readouterr().out
    client = signed_in(Role.REFERENT)
    upload = SimpleUploadedFile("organismes.csv", file.read_bytes())
    page = client.post("/debiteurs/imports/", {"kind": "debtors", "file": upload})["Location"]
    row = FileImport.objects.latest("pk")
    runs.run(row.pk)
    assert "Solivie" in client.get(page).text and "À créer" in client.get(page).text
    assert client.post(f"{page}appliquer/", {"doubles": "zzz"}).status_code == 422
    client.post(f"{page}appliquer/", {"doubles": "leave"})
    runs.run(row.pk)
    assert Debtor.objects.get().name == "Solivie"
