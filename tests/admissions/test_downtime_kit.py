"""The papers of an outage: read back, closed, whole, and with numbers that nobody else has."""

from __future__ import annotations

import datetime as dt
import io
import json
import os
import resource
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pypdfium2
import pyrage
import pytest
import time_machine
import zxingcpp
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from accounts.enums import JournalKind
from accounts.models import JournalEntry
from admissions.downtime import kit, papers, picture
from admissions.enums import CoverageKind, Protection, RightsStatus, StayStatus
from admissions.events import SYSTEM
from admissions.models import Coverage, Movement, Patient, ReservedNumber, Rights, Stay
from admissions.services import downtime, stays
from gap.documents import STANDARD
from tests.factories import (
    AmoCoverageFactory,
    CoverageFactory,
    DebtorFactory,
    EstablishmentFactory,
    FundFactory,
    PatientFactory,
    StayFactory,
    UnitFactory,
)

pytestmark = pytest.mark.django_db
PHRASE = "le phare des Roches blanches"


def text_of(pdf: bytes) -> str:
    document = pypdfium2.PdfDocument(pdf)
    return "\n".join(page.get_textpage().get_text_range() for page in document).replace("\r\n", "\n")


def present(patient: Patient | None = None, *, room: str = "204", hours: int = 5, **options) -> Stay:
    at = timezone.now() - dt.timedelta(hours=hours)
    stay = StayFactory(
        patient=patient or PatientFactory(), status=StayStatus.ADMITTED, started_at=at, planned_start_at=at, **options
    )
    Movement.objects.create(stay=stay, unit=stay.unit, room=room, bed="P", started_at=at)
    return stay


def made(folder: Path, *arguments: str) -> Path:
    call_command("downtime_kit", str(folder), *(arguments or ("--plain",)), stdout=io.StringIO())
    return max(place for place in folder.iterdir() if place.is_dir())


def the_list(place: Path) -> str:
    return text_of((place / "350000022" / "2-presents-et-attendus.pdf").read_bytes())


def numbers(place: Path) -> list[str]:
    return json.loads((place / kit.MANIFEST).read_text())["etablissements"][0]["feuilles"]


@pytest.fixture
def hospital():
    return UnitFactory().establishment


# ---- the list ----


def test_the_list_says_who_is_here_where_and_who_pays(hospital, tmp_path) -> None:
    patient = PatientFactory(birth_name="LE BIHAN", first_names="Maryvonne", used_name="GUIVARCH")
    stay = present(patient, planned_end_at=timezone.now() + dt.timedelta(days=2))
    AmoCoverageFactory(patient=patient)
    coverage = CoverageFactory(patient=patient, debtor=DebtorFactory(name="Mutuelle des Phares"))
    today = timezone.localdate()
    Rights.objects.create(
        coverage=coverage, stay=stay, status=RightsStatus.OPEN, care_date=today, answered_at=timezone.now()
    )
    said = the_list(made(tmp_path))
    for words in ("LE BIHAN", "GUIVARCH", "Maryvonne", "17/05/1984", stay.iep, patient.ipp, "204 P", "3120 Médecine"):
        assert words in said, words
    assert "AMC Mutuelle des Phares, droits ouverts" in said and "AMO CPAM d’Ille-et-Vilaine" in said
    assert f"{timezone.localtime(stay.planned_end_at):%d/%m %H:%M}" in said


def test_who_is_expected_today_and_tomorrow_is_there_and_nobody_else(hospital, tmp_path) -> None:
    with time_machine.travel(dt.datetime(2026, 11, 23, 9, tzinfo=dt.UTC), tick=True):
        now = timezone.now()
        today, tomorrow, later = (
            StayFactory(planned_start_at=now + dt.timedelta(days=days, hours=1)) for days in range(3)
        )
        gone = StayFactory(planned_start_at=now, status=StayStatus.CANCELLED)
        said = the_list(made(tmp_path))
    assert "Attendus aujourd’hui, 23/11/2026" in said and "Attendus demain, 24/11/2026" in said
    assert today.iep in said and tomorrow.iep in said
    assert later.iep not in said and gone.iep not in said


def test_each_page_says_of_which_instant_it_is(hospital, tmp_path) -> None:
    for _ in range(60):
        present()
    with time_machine.travel(dt.datetime(2026, 11, 23, 9, 0, tzinfo=dt.UTC), tick=False):
        place = made(tmp_path)
    for paper in sorted((place / "350000022").iterdir()):
        document = pypdfium2.PdfDocument(paper.read_bytes())
        for page in document:
            assert "État au 23/11/2026 à 10:00" in page.get_textpage().get_text_range(), paper.name
    assert len(document) > 1


def test_a_protected_dossier_is_a_number_and_a_note(hospital, tmp_path) -> None:
    patient = PatientFactory(birth_name="SECRETE", first_names="Vedette", used_name="ETOILE")
    Patient.objects.filter(pk=patient.pk).update(protection=Protection.EXPOSED)
    CoverageFactory(patient=patient, debtor=DebtorFactory(name="Mutuelle du Spectacle"))
    stay = present(patient)
    said = the_list(made(tmp_path))
    assert stay.iep in said and "Dossier protégé" in said and "demandez au cadre du service" in said
    for words in ("SECRETE", "Vedette", "ETOILE", "17/05/1984", "Spectacle"):
        assert words not in said, words


def test_another_hospital_has_its_own_folder_and_none_of_ours(hospital, tmp_path) -> None:
    there = UnitFactory(
        establishment=EstablishmentFactory(finess_site="350000048", name="Clinique du Cap"), code="9000"
    )
    ours, theirs = present(), present(unit=there)
    place = made(tmp_path)
    elsewhere = text_of((place / "350000048" / "2-presents-et-attendus.pdf").read_bytes())
    assert theirs.iep in elsewhere and ours.iep not in elsewhere
    assert ours.iep in the_list(place) and theirs.iep not in the_list(place)
    alone = made(tmp_path / "one", "--plain", "--establishment", "350000048")
    assert [folder.name for folder in alone.iterdir() if folder.is_dir()] == ["350000048"]


def test_the_picture_costs_the_same_for_one_patient_and_for_forty(hospital, django_assert_num_queries) -> None:
    for count in (1, 39):
        for _ in range(count):
            stay = present()
            CoverageFactory(patient=stay.patient)
        with django_assert_num_queries(6):
            picture.take(hospital, timezone.now())


def test_five_hundred_present_are_printed_in_seconds(hospital, tmp_path, measured) -> None:
    people = Patient.objects.bulk_create(
        Patient(
            ipp=f"7{n:08d}",
            birth_name=f"KERVELLA {n}",
            first_names="Anne Marie",
            birth_date=dt.date(1950, 1, 1),
            sex="F",
        )
        for n in range(500)
    )
    units = [UnitFactory(code=f"31{n}0", name=f"Service {n}") for n in range(9)]
    at = timezone.now() - dt.timedelta(days=1)
    here = Stay.objects.bulk_create(
        StayFactory.build(
            iep=f"24{n:07d}", patient=person, unit=units[n % 9], establishment=hospital, domain="MCO",
            status=StayStatus.ADMITTED, started_at=at, planned_start_at=at,
        )
        for n, person in enumerate(people)
    )  # fmt: skip
    Movement.objects.bulk_create(
        Movement(stay=stay, unit=stay.unit, room=f"{n // 2}", bed="FP"[n % 2], started_at=at)
        for n, stay in enumerate(here)
    )
    amc, fund = DebtorFactory(), FundFactory()
    Coverage.objects.bulk_create(
        Coverage(patient=person, kind=kind, debtor=debtor, source="declared", valid_from=dt.date(2020, 1, 1))
        for person in people
        for kind, debtor in ((CoverageKind.AMO, fund), (CoverageKind.AMC, amc))
    )
    began = time.monotonic()
    place = made(tmp_path)
    seconds = time.monotonic() - began
    measured("kit de panne, 500 présents (ms)", int(seconds * 1000))
    said = the_list(place)
    assert all(stay.iep in said for stay in here)
    assert seconds < 20


# ---- the sheets ----


def test_each_sheet_bears_its_number_in_figures_and_in_a_bar_code_that_is_read(hospital, tmp_path) -> None:
    place = made(tmp_path, "--plain", "--forms", "3")
    document = pypdfium2.PdfDocument((place / "350000022" / "3-feuilles.pdf").read_bytes())
    given = numbers(place)
    assert len(given) == 3 and len(document) == 3 + papers._COPIES
    for page, number in zip(document, given, strict=False):
        assert f"IEP {number}" in page.get_textpage().get_text_range()
        # As a scanner sees a photocopy: grey, 150 dots an inch.
        found = zxingcpp.read_barcodes(np.asarray(page.render(scale=150 / 72, grayscale=True).to_numpy()).squeeze())
        assert [code.text for code in found] == [number]


def test_an_hourly_kit_prints_the_same_numbers_and_burns_none(hospital, tmp_path) -> None:
    with time_machine.travel(dt.datetime(2026, 11, 23, 9, tzinfo=dt.UTC), tick=True) as clock:
        first = numbers(made(tmp_path, "--plain", "--forms", "4"))
        clock.shift(dt.timedelta(hours=1))
        again = numbers(made(tmp_path, "--plain", "--forms", "4"))
        clock.shift(dt.timedelta(hours=1))
        more = numbers(made(tmp_path, "--plain", "--forms", "6"))
    assert again == first and more[:4] == first
    assert len(more) == 6 == ReservedNumber.objects.count()


def test_after_an_outage_a_kit_has_other_numbers(hospital, tmp_path) -> None:
    """Two patients would hold the same number if the outage comes back before the sheets do."""
    with time_machine.travel(dt.datetime(2026, 11, 23, 9, tzinfo=dt.UTC), tick=True) as clock:
        first = numbers(made(tmp_path, "--plain", "--forms", "4"))
        clock.shift(dt.timedelta(hours=3))
        after = numbers(made(tmp_path, "--plain", "--forms", "4"))
    assert set(first).isdisjoint(after)


def test_once_a_sheet_came_back_no_kit_has_its_neighbours(hospital, tmp_path) -> None:
    first = numbers(made(tmp_path, "--plain", "--forms", "4"))
    enter(first[1])
    after = numbers(made(tmp_path / "after", "--plain", "--forms", "4"))
    assert set(first).isdisjoint(after)


def enter(iep: str, patient: Patient | None = None) -> Stay:
    sheet = ReservedNumber.objects.get(iep=iep)
    plan = stays.StayPlan("full", UnitFactory(), timezone.now() - dt.timedelta(hours=4))
    return downtime.enter(sheet.pk, patient or PatientFactory(), downtime.Entry(plan), SYSTEM)


def test_a_sheet_entered_while_the_kit_is_drawn_makes_it_begin_again(hospital, tmp_path, monkeypatch) -> None:
    drawn, taken = papers.blank_sheets, []

    def and_meanwhile(establishment, now, sheets):
        if not taken:
            taken.append(sheets[0].iep)
            with time_machine.travel(now + dt.timedelta(seconds=1), tick=True):
                enter(sheets[0].iep)
        return drawn(establishment, now, sheets)

    monkeypatch.setattr(papers, "blank_sheets", and_meanwhile)
    with time_machine.travel(dt.datetime(2026, 11, 23, 9, tzinfo=dt.UTC), tick=True) as clock:
        monkeypatch.setattr(kit, "_picture", lambda *told: (clock.shift(1), picture.take(*told))[1])
        given = numbers(made(tmp_path, "--plain", "--forms", "4"))
    assert taken[0] not in given


def test_a_normal_stay_never_takes_a_reserved_number(hospital, tmp_path) -> None:
    given = numbers(made(tmp_path, "--plain", "--forms", "5"))
    plan = stays.StayPlan("full", UnitFactory(), timezone.now())
    stay = stays.preadmit(PatientFactory(), hospital, plan, SYSTEM)
    assert stay.iep not in given
    with pytest.raises(IntegrityError, match="reserved for a sheet"), transaction.atomic():
        StayFactory(iep=given[0])
        with connection.cursor() as cursor:
            cursor.execute("set constraints all immediate")


def test_the_database_keeps_what_became_of_a_number(hospital, tmp_path) -> None:
    given = numbers(made(tmp_path, "--plain", "--forms", "3"))
    enter(given[0])
    downtime.void(ReservedNumber.objects.get(iep=given[1]).pk, SYSTEM)
    other = StayFactory()
    for iep in given[:2]:
        with pytest.raises(IntegrityError, match="known"), transaction.atomic():
            ReservedNumber.objects.filter(iep=iep).update(stay=other, entered_at=timezone.now(), void_reason="")
    with pytest.raises(IntegrityError, match="another number"), transaction.atomic():
        now = timezone.now()
        ReservedNumber.objects.filter(iep=given[2]).update(stay=other, entered_at=now, withdrawn_at=now)
        with connection.cursor() as cursor:
            cursor.execute("set constraints all immediate")


def test_after_a_restore_the_printed_numbers_are_entered_but_not_printed_again(hospital, tmp_path) -> None:
    from worklists.recovery import settle

    first = numbers(made(tmp_path, "--plain", "--forms", "3"))
    settle(10_000, "2026-11-23T10:00:00")
    after = numbers(made(tmp_path / "after", "--plain", "--forms", "3"))
    assert set(first).isdisjoint(after) and min(after) > f"{int(max(first)) + 9_999}"
    assert enter(first[2]).iep == first[2]


# ---- the folder ----


def test_the_list_is_closed_and_its_reader_needs_the_key_alone(hospital, tmp_path) -> None:
    present(PatientFactory(birth_name="LE BIHAN"))
    identity = pyrage.x25519.Identity.generate()
    place = made(tmp_path, "--recipient", str(identity.to_public()))
    for file in (one for one in place.rglob("*") if one.is_file()):
        assert b"BIHAN" not in file.read_bytes(), file.name
    closed = (place / "350000022" / "2-presents-et-attendus.pdf.age").read_bytes()
    assert "LE BIHAN" in text_of(pyrage.decrypt(closed, [identity]))
    with pytest.raises(pyrage.DecryptError):
        pyrage.decrypt(closed, [pyrage.x25519.Identity.generate()])
    # What says how to open it, and the sheets that name nobody, ask for no key.
    assert "Que faire".lower() in text_of((place / "350000022" / "1-que-faire.pdf").read_bytes()).lower()


def test_a_passphrase_is_read_and_never_an_argument(hospital, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{PHRASE}\n"))
    place = made(tmp_path, "--passphrase")
    closed = (place / "350000022" / "2-presents-et-attendus.pdf.age").read_bytes()
    assert "Présents et attendus" in text_of(pyrage.passphrase.decrypt(closed, PHRASE))
    monkeypatch.setattr("sys.stdin", io.StringIO("court\n"))
    with pytest.raises(CommandError, match="trop courte"):
        made(tmp_path / "other", "--passphrase")


def test_the_papers_can_be_read_by_a_screen_reader(hospital, tmp_path) -> None:
    assert STANDARD == "ua-1"
    for paper in sorted((made(tmp_path) / "350000022").iterdir()):
        content = paper.read_bytes()
        assert b"/MarkInfo" in content and b"/Lang" in content and b"pdfuaid" in content, paper.name


@contextmanager
def little_room(octets: int) -> Iterator[None]:
    """No file may grow past `octets`: what a full disk does, in the middle of a kit."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (octets, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_old_kits_go_and_a_kit_cut_short_is_never_seen(hospital, tmp_path) -> None:
    with time_machine.travel(dt.datetime(2026, 11, 23, 9, tzinfo=dt.UTC), tick=True) as clock:
        for _ in range(4):
            made(tmp_path, "--plain", "--keep", "2")
            clock.shift(dt.timedelta(minutes=20))
        before = sorted(place.name for place in tmp_path.iterdir())
        with little_room(60_000), pytest.raises(CommandError, match="Le kit d’avant est toujours là"):
            made(tmp_path)
    assert len(before) == 2 and sorted(place.name for place in tmp_path.iterdir()) == before


def test_what_a_killed_command_left_is_taken_away_and_what_another_writes_is_not(hospital, tmp_path) -> None:
    left, writing = tmp_path / ".kit-2026-11-22-10h00m00.partial", tmp_path / ".kit-2026-11-23-09h59m59.partial"
    for place in (left, writing):
        place.mkdir()
        (place / "2-presents-et-attendus.pdf").write_bytes(b"%PDF")
    os.utime(left, (time.time() - 7200,) * 2)
    call_command("downtime_kit", str(tmp_path), "--plain", stdout=io.StringIO())
    assert not left.exists() and writing.exists()


def test_the_folder_is_its_owners_and_the_manifest_names_nobody(hospital, tmp_path) -> None:
    present(PatientFactory(birth_name="LE BIHAN"))
    place = made(tmp_path)
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    said = (place / kit.MANIFEST).read_text()
    assert '"presents": 1' in said and "BIHAN" not in said


def test_making_a_kit_is_an_export_that_the_journal_knows(hospital, tmp_path) -> None:
    stay = present()
    made(tmp_path)
    entry = JournalEntry.objects.get(kind=JournalKind.EXPORT)
    assert (entry.action, entry.establishment_id, entry.user_id) == ("downtime_kit", hospital.pk, None)
    assert entry.detail == {"stays": [stay.pk]}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--plain", "--establishment", "990000000"), "Aucun établissement"),
        (("--plain", "--forms", "-1"), "de 0 à 500"),
        (("--plain", "--keep", "0"), "un kit gardé au moins"),
        (("--recipient", "pas-une-clé"), "clé publique"),
    ],
    ids=["unknown hospital", "less than no sheet", "no kit kept", "not a key"],
)
def test_what_cannot_be_made_is_said_and_writes_nothing(hospital, tmp_path, arguments, said) -> None:
    with pytest.raises(CommandError, match=said):
        made(tmp_path / "kits", *arguments)
    assert not (tmp_path / "kits").exists() and not ReservedNumber.objects.exists()
