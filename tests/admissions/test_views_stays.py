"""The page of a stay: its acts in place, who else looks at it, the sheet to print."""

from __future__ import annotations

import datetime as dt

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.enums import Role
from admissions.enums import DischargeMode, EventKind, RequestCode, StayKind, StayStatus
from admissions.events import SYSTEM
from admissions.models import AdmissionEvent, Stay
from admissions.services import stays
from admissions.views.stays import ACTIONS
from tests.factories import AmoCoverageFactory, CoverageFactory, PatientFactory, StayFactory, UnitFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk(signed_in):
    return signed_in(Role.AGENT)


@pytest.fixture
def present(establishment) -> Stay:
    """A patient who has been here for two days."""
    start = timezone.now().replace(microsecond=0) - dt.timedelta(days=2)
    stay = StayFactory(patient=PatientFactory(), unit=UnitFactory(), planned_start_at=start)
    return stays.admit(stay.pk, start, SYSTEM, room="214", bed="B")


def url(name: str, stay: Stay, *arguments: str) -> str:
    return reverse(f"admissions:{name}", args=[stay.iep, *arguments])


def said(moment: dt.datetime) -> str:
    return f"{timezone.localtime(moment):%d/%m/%Y %H:%M}"


def act(client: Client, stay: Stay, slug: str, **sent):
    return client.post(url("act", stay, slug), {"version": str(stay.version)} | sent)


def test_only_what_can_be_done_is_offered(desk, present) -> None:
    page = desk.get(url("stay", present)).text
    for slug in ("mouvement", "chambre", "sortie", "annulation"):
        assert url("act", present, slug) in page
    for slug in ("fin-chambre", "correction"):
        assert url("act", present, slug) not in page


def test_an_act_that_is_no_longer_possible_says_so(desk, present) -> None:
    answer = desk.get(url("act", present, "correction"), follow=True)
    assert "n’est plus possible" in answer.text


@pytest.mark.parametrize("slug", ACTIONS)
def test_every_act_says_its_effects_before_its_button(slug) -> None:
    action = ACTIONS[slug]
    assert action.effects.endswith(".") and action.done.endswith(".") and action.verb != "Valider"


def test_a_movement_is_added_once(desk, present) -> None:
    other = UnitFactory(code="4210", name="Orthopédie")
    sent = {"unit": other.pk, "room": "12", "bed": "", "started_at": said(timezone.now())}
    assert act(desk, present, "mouvement", **sent)["Location"] == url("stay", present)
    act(desk, present, "mouvement", **sent)
    assert present.movements.count() == 2
    assert "4210 Orthopédie" in desk.get(url("stay", present)).text


def test_a_movement_before_the_former_one_is_refused_with_its_reason(desk, present) -> None:
    before = present.started_at - dt.timedelta(days=1)
    answer = act(desk, present, "mouvement", unit=UnitFactory(code="9").pk, room="7", bed="", started_at=said(before))
    assert answer.status_code == 422
    assert "Ce mouvement précède le précédent" in answer.text and 'value="7"' in answer.text


def test_a_single_room_begins_and_ends(desk, present) -> None:
    today = timezone.localdate()
    act(desk, present, "chambre", starts_on=f"{today - dt.timedelta(days=1):%d/%m/%Y}", signed_on=f"{today:%d/%m/%Y}")
    room = present.requests.get()
    assert (room.code, room.signed_on, room.ends_on) == (RequestCode.SINGLE_ROOM, today, None)
    present.refresh_from_db()
    assert url("act", present, "fin-chambre") in desk.get(url("stay", present)).text
    act(desk, present, "fin-chambre", ends_on=f"{today:%d/%m/%Y}")
    room.refresh_from_db()
    assert room.ends_on == today


def test_a_single_room_before_the_stay_is_refused_beside_the_date(desk, present) -> None:
    answer = act(desk, present, "chambre", starts_on="01/01/2020", signed_on="")
    assert answer.status_code == 422 and "La demande commence avant le séjour" in answer.text


def test_a_discharge_is_made_once(desk, present) -> None:
    for _ in range(2):
        act(desk, present, "sortie", ended_at=said(timezone.now()), mode=DischargeMode.HOME)
    present.refresh_from_db()
    assert present.status == StayStatus.DISCHARGED
    assert AdmissionEvent.objects.filter(kind=EventKind.STAY_DISCHARGED).count() == 1


def test_a_correction_on_a_page_that_a_colleague_overtook_shows_both_values(desk, present) -> None:
    stay = stays.discharge(present.pk, timezone.now(), DischargeMode.HOME, SYSTEM)
    seen = stay.version
    stays.correct_discharge(
        stay.pk, timezone.now() - dt.timedelta(hours=2), DischargeMode.TRANSFER, SYSTEM, version=stay.version
    )
    mine = said(timezone.now() - dt.timedelta(hours=1))
    answer = desk.post(url("act", stay, "correction"), {"version": seen, "ended_at": mine, "mode": "home"})
    assert answer.status_code == 409
    assert "transfert" in answer.text and f'value="{mine}"' in answer.text
    stay.refresh_from_db()
    assert stay.discharge_mode == DischargeMode.TRANSFER
    again = {"version": stay.version, "ended_at": mine, "mode": "home"}
    assert desk.post(url("act", stay, "correction"), again).status_code == 302


def test_a_cancellation_needs_a_reason_and_keeps_it(desk, establishment) -> None:
    stay = StayFactory()
    assert act(desk, stay, "annulation", reason="").status_code == 422
    act(desk, stay, "annulation", reason="Reporté par le patient")
    stay.refresh_from_db()
    assert (stay.status, stay.cancel_reason) == (StayStatus.CANCELLED, "Reporté par le patient")


def test_rights_are_asked_again_in_place(desk, present) -> None:
    answer = desk.post(url("ask-rights", present), HTTP_HX_REQUEST="true")
    assert (answer.status_code, answer["HX-Trigger"]) == (204, "gap:acted")
    assert AdmissionEvent.objects.filter(kind=EventKind.RIGHTS_ASKED_AGAIN).exists()


def test_rights_of_a_cancelled_stay_are_not_asked(desk, establishment) -> None:
    stay = StayFactory(status=StayStatus.CANCELLED)
    answer = desk.post(url("ask-rights", stay), HTTP_HX_REQUEST="true")
    assert answer.status_code == 422 and "il n’y a plus de droits à demander" in answer.text


def test_the_coverages_redrawn_alone_are_those_of_the_page(desk, present) -> None:
    AmoCoverageFactory(patient=present.patient)
    CoverageFactory(patient=present.patient)
    assert desk.get(url("coverage", present, "coverages")).text.strip() in desk.get(url("stay", present)).text


def test_the_summary_is_a_sheet_without_buttons(desk, present) -> None:
    AmoCoverageFactory(patient=present.patient)
    page = desk.get(url("summary", present)).text
    assert "214 B" in page and "CPAM" in page
    assert "Redemander les droits" not in page


def test_acts_of_billing_are_not_offered_to_who_may_not_admit(signed_in, present) -> None:
    page = signed_in(Role.BILLING).get(url("stay", present)).text
    assert url("act", present, "sortie") not in page


def test_as_many_queries_however_long_the_stay(desk, present) -> None:
    counts = []
    for moves in (0, 8):
        for number in range(moves):
            at = present.started_at + dt.timedelta(hours=number + 1)
            stays.move(present.pk, UnitFactory(code=f"M{number}"), at, SYSTEM)
        with CaptureQueriesContext(connection) as queries:
            desk.get(url("stay", present))
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_external_care_shows_its_acts_and_not_a_single_room(desk, establishment) -> None:
    stay = StayFactory(kind=StayKind.EXTERNAL)
    page = desk.get(url("stay", stay)).text
    assert reverse("billing:stay-activity", args=[stay.iep]) in page
    assert url("act", stay, "chambre") not in page


# ---- who else is here ----


def test_a_colleague_who_looks_at_the_same_stay_is_shown_and_forgotten(person, present) -> None:
    cache.delete(f"presence:stay:{present.pk}")
    marc, nadia = Client(), Client()
    marc.force_login(person(Role.REFERENT, first_name="Marc", last_name="Rivoal"))
    nadia.force_login(person(Role.AGENT))
    assert marc.post(url("presence", present)).status_code == 204
    answer = nadia.post(url("presence", present))
    assert "M. Rivoal consulte aussi ce dossier" in answer.text
    # What is shown already is not drawn again.
    assert nadia.post(url("presence", present), {"seen": ["M. Rivoal"]}).status_code == 204
    seen = cache.get(f"presence:stay:{present.pk}")
    cache.set(f"presence:stay:{present.pk}", {pk: (name, at - 61) for pk, (name, at) in seen.items()})
    assert "Rivoal" not in nadia.post(url("presence", present), {"seen": ["M. Rivoal"]}).text


def test_without_its_cache_the_page_stands_and_shows_nobody(desk, present, settings) -> None:
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "unix:///nowhere/redis.sock"}
    }
    assert desk.get(url("stay", present)).status_code == 200
    assert desk.post(url("presence", present)).status_code == 204
