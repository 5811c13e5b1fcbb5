"""Every address of the product when every dossier is protected: no page says whose they are until one says why."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from django.test import Client

from accounts.models import Establishment
from accounts.permissions import PERMISSIONS
from admissions.models import Patient
from tests.accounts.test_views_roles import GUARDED, SHEETS, address
from tests.accounts.test_views_sight import _one_of_each, names_something, of_all_trades, world
from tests.factories import PatientFactory
from tests.worklists import scene

__all__ = ["_one_of_each", "of_all_trades", "world"]
pytestmark = pytest.mark.django_db

#: A dossier's own addresses that show nothing of the person: acts upon lines of lists and of calls.
LISTS = ("/listes/{slug}/export/csv/", "/listes/{slug}/export/xlsx/", "/listes/{slug}/")


@pytest.fixture
def everybody(settings, of_all_trades, establishment: Establishment, world: SimpleNamespace) -> Client:
    """Somebody of every trade, before a hospital whose dossiers are all protected."""
    settings.RATES_PER_MINUTE = dict.fromkeys(settings.RATES_PER_MINUTE, 10**6)
    scene.everything()
    assert PERMISSIONS
    Patient.objects.update(protection="exposed")
    return of_all_trades(establishment)


def traits(world: SimpleNamespace) -> list[str]:
    people = Patient.objects.only("birth_name", "first_names", "used_name")
    return sorted({name for one in people for name in (one.birth_name, one.used_name) if name} | set(scene.NAMES))


def pages(client: Client, world: SimpleNamespace) -> dict[str, tuple[int, str]]:
    answers = {}
    for name, found in GUARDED:
        response = client.get(address(name, found, world))
        content = b"".join(response.streaming_content) if response.streaming else response.content
        answers[name] = (response.status_code, content.decode("utf-8", "replace"))
    return answers


def test_no_page_names_anybody(everybody, world, measured) -> None:
    shown = pages(everybody, world)
    assert sum(status == 200 for status, _ in shown.values()) > 40
    said = [f"{name} : {trait}" for name, (_, text) in shown.items() for trait in traits(world) if trait in text]
    assert said == []
    measured("pages où nul dossier protégé n’est nommé", len(shown))


def test_without_protection_the_same_walk_finds_them(everybody, world) -> None:
    Patient.objects.update(protection="")
    said = {name for name, (_, text) in pages(everybody, world).items() for trait in traits(world) if trait in text}
    assert {"admissions:stay", "admissions:patient", "admissions:arrivals", "billing:invoice"} <= said


def test_no_list_and_no_export_names_anybody(everybody, world) -> None:
    from worklists.registry import all_worklists

    said = []
    for slug in all_worklists():
        for path in LISTS:
            response = everybody.get(path.format(slug=slug))
            content = b"".join(response.streaming_content) if response.streaming else response.content
            if path.endswith("xlsx/") and response.status_code == 200:
                content = _cells(content)
            said += [f"{slug} : {trait}" for trait in traits(world) if trait.encode() in content]
    assert said == []


def _cells(workbook: bytes) -> bytes:
    import io
    import zipfile

    with zipfile.ZipFile(io.BytesIO(workbook)) as parts:
        return b"".join(parts.read(name) for name in parts.namelist())


def test_whatever_is_asked_of_a_dossier_leads_to_the_page_that_asks_why(everybody, world) -> None:
    """But for what shows nothing of it: the page itself, what tells a list or a call, a sheet that is nobody's yet."""
    quiet = {"admissions:open-protected", "worklists:accesses", *SHEETS}
    inside = [
        (name, found)
        for name, found in GUARDED
        if names_something(name, found)
        and set(found.pattern.regex.groupindex) & {"iep", "ipp", "number"}
        and name not in quiet
    ]
    assert len(inside) > 30
    wrong = {}
    for name, found in inside:
        path = address(name, found, world)
        for verb in ("get", "post"):
            response = getattr(everybody, verb)(path)
            if response.status_code == 405:
                continue
            if response.status_code != 302 or "/ouvrir/" not in response["Location"]:
                wrong[f"{verb} {name}"] = response.status_code
    assert wrong == {}


def test_the_place_of_a_line_sorted_by_name_says_nothing_of_the_name(of_all_trades, establishment) -> None:
    names = ("ABGRALL", "MORVAN", "ZIMMERMANN")
    stays = [scene.a_stay(patient=PatientFactory(birth_name=name)) for name in names]
    for stay in stays:
        scene.a_refusal("inform_patient", "no_third_party_payment", stay=stay)
    Patient.objects.filter(birth_name="MORVAN").update(protection="staff")
    client = of_all_trades(establishment)

    def order(sort: str) -> list[str]:
        text = client.get("/listes/patients-a-prevenir/", {"tri": sort}).text
        places = {stay.iep: text.index(f"/sejours/{stay.iep}/") for stay in stays}
        return sorted(places, key=places.__getitem__)

    first, hidden, last = (stay.iep for stay in stays)
    assert order("patient") == [hidden, first, last]
    assert order("-patient") == [last, first, hidden]
