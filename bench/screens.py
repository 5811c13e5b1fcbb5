"""What a screen costs the server, against an empty page for somebody who is signed in: the layout alone, and no page."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from accounts.enums import Role
from admissions.enums import DischargeMode, EventKind, StayKind, StayStatus
from admissions.events import SYSTEM
from admissions.models import AdmissionEvent, Patient, Stay
from admissions.services import stays
from bench import people
from bench.ground import Ground, gather_statistics, web
from bench.http import Connection, signed_in
from bench.measure import Row, against, in_turns
from debtors.models import Debtor
from teleservices.enums import CallStatus, Disposition, Family
from teleservices.models import TeleserviceCall
from tests.chain import settle
from tests.factories import UnitFactory

MOST = 4.0
#: What the journal may add to a page.
TRACED = 1.15
_LIST = "/listes/patients-a-prevenir/"


def rows(place: Ground, rounds: int, lines: int = 500) -> list[Row]:
    """Pages as a browser gets them, whole, over one kept connection.

    The empty page is a screen of the product with nothing on it. The bare answer, a line of text for a known person,
    is told beside, without a goal: no page with a menu can be near it.
    """
    debtor = people.payer(place.simulator)
    stay = billed_stay(debtor)
    refusals(debtor, lines)
    gather_statistics()
    referent = people.colleague(Role.REFERENT)
    # Name, address, goal: the two pages that people keep open have one.
    pages = [
        ("page d’un séjour facturé", f"/sejours/{stay.iep}/", MOST),
        (f"liste de travail ({lines} lignes, 50 montrées)", _LIST, MOST),
        ("la même, ses lignes seules (HTMX)", _LIST, None),
        ("accueil", "/", None),
        ("arrivées du jour", "/admissions/", None),
    ]
    with web(place) as address:
        session = signed_in(referent)
        with Connection(address, session) as browser, Connection(address, session | {"HX-Request": "true"}) as htmx:
            subjects = [lambda _: browser.get("/bench/vide/"), lambda _: browser.get("/bench/nue/")]
            for name, path, _most in pages:
                source = htmx if "HTMX" in name else browser
                subjects.append(lambda _, source=source, path=path: source.get(path))
            base, bare, *taken = in_turns(rounds, subjects, warm_up=5)
        traced = _traced(place, address, session, [(name, path) for name, path, most in pages if most], rounds)
    found = []
    for (name, _path, most), sample in zip(pages, taken, strict=True):
        found.append(against(name, sample, "page vide", base, most))
        if most is not None:
            found.append(against(f"{name}, contre une réponse nue", sample, "réponse nue", bare, None))
    return found + traced


def _traced(
    place: Ground, address: str, session: dict[str, str], pages: list[tuple[str, str]], rounds: int
) -> list[Row]:
    """The same pages from a server that writes no journal: what is left is what the journal costs."""
    found = []
    with web(place, "bench.settings_untraced") as untraced:
        with Connection(address, session) as ours, Connection(untraced, session) as theirs:
            for name, path in pages:
                subjects = [lambda _, path=path: theirs.get(path), lambda _, path=path: ours.get(path)]
                without, with_journal = in_turns(rounds, subjects, warm_up=5)
                found.append(against(f"{name}, tracée", with_journal, "sans journal", without, TRACED))
    return found


def billed_stay(debtor: Debtor) -> Stay:
    """A stay to which everything happened: rights, simulation, engagement, invoices. Carried over the real wire."""
    patient = people.covered_patient(debtor)
    unit = UnitFactory()
    at = timezone.now().replace(microsecond=0) - timedelta(days=3)
    stay = stays.preadmit(patient, unit.establishment, stays.StayPlan(StayKind.FULL, unit, at), SYSTEM)
    settle()
    stays.admit(stay.pk, at, SYSTEM)
    settle()
    stays.add_request(stay.pk, "CHP", timezone.localdate(at), SYSTEM)
    settle()
    stays.discharge(stay.pk, timezone.now(), DischargeMode.HOME, SYSTEM)
    settle()
    if not stay.invoices.exists():
        raise RuntimeError("the stay of the bench was not billed")
    return stay


def refusals(debtor: Debtor, count: int) -> None:
    """Refused IDB of as many stays, as the policy leaves them."""
    now = timezone.now()
    unit = UnitFactory()
    patients: list[Patient] = [people.covered_patient(debtor) for _ in range(min(count, 50))]
    found = Stay.objects.bulk_create(
        Stay(
            iep=f"99{number:07d}",
            patient=patients[number % len(patients)],
            establishment=unit.establishment,
            kind=StayKind.FULL,
            domain=unit.domain,
            status=StayStatus.PREADMITTED,
            unit=unit,
            planned_start_at=now - timedelta(minutes=number),
        )
        for number in range(count)
    )
    happened = AdmissionEvent.objects.bulk_create(
        AdmissionEvent(stay=stay, kind=EventKind.STAY_PREADMITTED, occurred_at=now) for stay in found
    )
    covered = {patient.pk: patient.coverages.get(kind="AMC") for patient in patients}
    TeleserviceCall.objects.bulk_create(
        TeleserviceCall(
            stay=stay,
            coverage=covered[stay.patient_id],
            debtor=debtor,
            channel=debtor.amc_number,
            event=event,
            operation="IDB",
            status=CallStatus.REFUSED,
            not_before=now,
            finished_at=now - timedelta(minutes=number),
            attempts_count=1,
            duration_ms=412,
            return_code="RC15",
            family=Family.NO_THIRD_PARTY_PAYMENT,
            disposition=Disposition.INFORM_PATIENT,
        )
        for number, (stay, event) in enumerate(zip(found, happened, strict=True))
    )
