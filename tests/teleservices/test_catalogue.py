"""An official list of return codes replaces ours from a day on, with no change of code, and past versions stay."""

from __future__ import annotations

from datetime import date, timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone

from admissions.enums import RightsStatus
from teleservices import catalogue, engine, policy
from teleservices.catalogue import BadCatalogue
from teleservices.enums import CallStatus, Disposition, Family
from teleservices.models import ReturnCode
from teleservices.reference import DATA
from tests.processes import run_together
from tests.worklists import scene

pytestmark = pytest.mark.django_db
HEADER = "code,operations,family,treatment,agent_can_act,disposition,rearm_on,label_fr,agent_message_fr\n"
OURS = (DATA / "return_codes.csv").read_text()
NEW = "RC77,IDB|SIM,no_third_party_payment,manual,yes,inform_patient,new_card,Contrat en attente,Prévenir le patient.\n"


def entries(text: str) -> list[catalogue.Entry]:
    return catalogue.read(text.encode(), catalogue.in_force())


def imported(tmp_path: Path, text: str, *options: str) -> str:
    file = tmp_path / "codes.csv"
    file.write_text(text)
    told = StringIO()
    call_command("import_return_codes", str(file), *options, stdout=told)
    return told.getvalue()


def in_force_on(code: str, day: date) -> ReturnCode | None:
    at = timezone.make_aware(timezone.datetime(day.year, day.month, day.day, 12))
    return policy.code_in_force(code, at)


def test_our_own_file_changes_nothing(tmp_path: Path) -> None:
    assert "Aucune différence" in imported(tmp_path, OURS, "--yes")


def test_the_differences_are_told_field_by_field_and_a_dry_run_changes_nothing(tmp_path: Path) -> None:
    text = OURS.replace("Version de service non supportée", "Version refusée") + NEW
    text = "".join(line for line in text.splitlines(keepends=True) if not line.startswith("RC10,"))
    before = list(ReturnCode.objects.order_by("pk").values())
    told = imported(tmp_path, text, "--dry-run")
    assert "+ RC77  Contrat en attente" in told
    assert "~ RC02\n    libellé : Version de service non supportée → Version refusée" in told
    assert "- RC10  Engagement déjà facturé" in told
    assert "1\u00a0nouveau, 1\u00a0changé, 1\u00a0retiré, 24\u00a0inchangés." in told
    assert list(ReturnCode.objects.order_by("pk").values()) == before


def test_a_list_takes_effect_on_its_day_and_the_version_before_stays_until_then(tmp_path: Path) -> None:
    today = timezone.localdate()
    day = today + timedelta(days=10)
    text = OURS.replace("Version de service non supportée", "Version refusée") + NEW
    assert f"Appliqué au {day:%d/%m/%Y}." in imported(tmp_path, text, "--yes", f"--since={day}", "--source=ANS, v2")
    assert in_force_on("RC77", today) is None
    old, new = in_force_on("RC02", day - timedelta(days=1)), in_force_on("RC02", day)
    assert old and new and (old.label, new.label) == ("Version de service non supportée", "Version refusée")
    assert (old.valid_until, new.valid_from, new.valid_until, new.source) == (
        day - timedelta(days=1), day, None, "ANS, v2",
    )  # fmt: skip
    assert in_force_on("RC77", day)


def test_a_withdrawn_code_is_unknown_after_its_last_day(tmp_path: Path) -> None:
    day = timezone.localdate() + timedelta(days=3)
    text = "".join(line for line in OURS.splitlines(keepends=True) if not line.startswith("RC10,"))
    imported(tmp_path, text, "--yes", f"--since={day}")
    assert in_force_on("RC10", day - timedelta(days=1))
    assert in_force_on("RC10", day) is None


def test_a_second_list_of_the_same_day_mends_the_first(tmp_path: Path) -> None:
    imported(tmp_path, OURS + NEW, "--yes")
    imported(tmp_path, OURS + NEW.replace("Contrat en attente", "Contrat suspendu"), "--yes")
    assert ReturnCode.objects.get(code="RC77").label == "Contrat suspendu"


def test_a_list_that_says_only_codes_and_words_keeps_our_treatments() -> None:
    """What an official publication may well be."""
    found = entries("code;operations;label_fr\nRC15;IDB|SIM|CLC;Autres mots\nXX01;IDB;Inconnu de nous\n")
    ours = catalogue.in_force()["RC15"]
    assert found[0].label == "Autres mots"
    assert (found[0].disposition, found[0].family, found[0].automatic) == (
        ours.disposition,
        ours.family,
        ours.automatic,
    )
    assert (found[1].disposition, found[1].family) == (Disposition.STORE, Family.UNKNOWN_CODE)


def test_a_file_of_a_windows_spreadsheet_is_read() -> None:
    text = "code;operations;label_fr\r\nRC99;IDB;Assuré à l’étranger\r\n"
    assert catalogue.read(text.encode("cp1252"), {})[0].label == "Assuré à l’étranger"
    assert catalogue.read(text.encode("utf-8-sig"), {})[0].code == "RC99"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "il manque : code, operations, label_fr"),
        ("code,operations\nRC01,IDB\n", "il manque : label_fr"),
        (HEADER, "aucun code"),
        (OURS + "RC01,IDB,anomaly,manual,no,escalate,,Encore,Encore\n", "déjà donné plus haut"),
        (HEADER + "RC 01,IDB,anomaly,manual,no,escalate,,x,x\n", "de 1 à 20 lettres"),
        (HEADER + "RC01,IDC,anomaly,manual,no,escalate,,x,x\n", "les opérations sont parmi"),
        (HEADER + "RC01,IDB,anomalie,manual,no,escalate,,x,x\n", "n’est pas une valeur de family"),
        (HEADER + "RC01,IDB,anomaly,manual,no,oublier,,x,x\n", "n’est pas une valeur de disposition"),
        (HEADER + "RC01,IDB,anomaly,souvent,no,escalate,,x,x\n", "n’est pas une valeur de treatment"),
        (HEADER + f"RC01,IDB,anomaly,manual,no,escalate,,{'x' * 201},x\n", "de 1 à 200 caractères"),
        ("\x00\x01 pas une liste", "il manque"),
        ("x" * 1_000_001, "dépasse 1 Mo"),
    ],
)
def test_a_file_that_is_not_the_catalogue_says_why_and_changes_nothing(tmp_path: Path, text: str, said: str) -> None:
    before = ReturnCode.objects.count()
    with pytest.raises(CommandError, match="Rien n’a changé") as refused:
        imported(tmp_path, text, "--yes")
    assert said in str(refused.value)
    assert ReturnCode.objects.count() == before


def test_every_problem_of_a_file_is_told_with_its_line() -> None:
    with pytest.raises(BadCatalogue) as refused:
        entries(HEADER + "RC 1,IDB,anomaly,manual,no,escalate,,x,x\nRC02,ABC,anomaly,manual,no,escalate,,,x\n")
    assert [problem.partition(" :")[0] for problem in refused.value.problems] == ["Ligne 2", "Ligne 3", "Ligne 3"]


def test_a_past_day_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="est passée"):
        imported(tmp_path, OURS + NEW, "--yes", f"--since={timezone.localdate() - timedelta(days=1)}")


def test_a_list_does_not_slip_under_a_later_one(tmp_path: Path) -> None:
    day = timezone.localdate() + timedelta(days=10)
    imported(tmp_path, OURS + NEW, "--yes", f"--since={day}")
    with pytest.raises(CommandError, match="RC77"):
        imported(tmp_path, OURS, "--yes")


def test_nothing_is_applied_when_nobody_can_answer(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="--yes"):
        imported(tmp_path, OURS + NEW)
    assert not ReturnCode.objects.filter(code="RC77").exists()


def test_refusals_of_an_unknown_code_are_treated_once_the_code_is_known(tmp_path: Path) -> None:
    unknown = {"status": CallStatus.REFUSED, "family": Family.UNKNOWN_CODE, "disposition": Disposition.STORE}
    asked = unknown | {"return_code": "RC77", "return_label": "Reçu", "operation": "IDB"}
    call = scene.a_call(**asked, finished_at=scene.ago(hours=5))
    other = scene.a_call(**unknown | {"return_code": "ZZ01", "finished_at": scene.ago(hours=5)})
    seen = scene.a_call(**asked, finished_at=scene.ago(hours=5), superseded_at=timezone.now())
    assert engine.reconsider_unknown() == 0
    assert "1 refus dont le code était inconnu" in imported(tmp_path, OURS + NEW, "--yes")
    for one in (call, other, seen):
        one.refresh_from_db()
    assert (call.family, call.disposition) == (Family.NO_THIRD_PARTY_PAYMENT, Disposition.INFORM_PATIENT)
    rights = call.stay.rights.get()
    assert (rights.status, rights.code, rights.reason) == (RightsStatus.CLOSED, "RC77", "Contrat en attente")
    assert other.family == seen.family == Family.UNKNOWN_CODE
    assert engine.reconsider_unknown() == 0


def test_a_code_that_comes_to_mean_unavailable_is_asked_again(tmp_path: Path) -> None:
    call = scene.a_call(
        status=CallStatus.REFUSED, family=Family.UNKNOWN_CODE, disposition=Disposition.STORE, return_code="RC77",
        finished_at=scene.ago(hours=5), attempts_count=1,
    )  # fmt: skip
    unavailable = NEW.replace("no_third_party_payment,manual,yes,inform_patient", "unavailable,automatic,no,retry")
    imported(tmp_path, OURS + unavailable, "--yes")
    call.refresh_from_db()
    assert (call.status, call.cause, call.finished_at) == (CallStatus.PLANNED, "unavailable", None)
    assert call.not_before > timezone.now()


IMPORT = """
from datetime import date
from teleservices import catalogue
found = catalogue.read(open({file!r}, "rb").read(), catalogue.in_force())
done = catalogue.replace(found, since=date.fromisoformat({since!r}), source="essai")
print(len(done.added))
"""


@pytest.mark.django_db(transaction=True)
def test_two_imports_at_once_add_each_code_once(tmp_path: Path) -> None:
    file = tmp_path / "codes.csv"
    file.write_text(OURS + NEW)
    said = run_together(IMPORT.format(file=str(file), since=str(timezone.localdate())), 2)
    assert sorted(line.splitlines()[-1] for line in said) == ["0", "1"]
    assert ReturnCode.objects.filter(code="RC77").count() == 1
