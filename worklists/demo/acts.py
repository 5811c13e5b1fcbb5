"""Lives the stays through the services, one wave a step of the chain. Nothing is written here that a service writes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from multiprocessing import get_context
from random import Random

from django.utils import timezone

from accounts.enums import Role
from accounts.models import Establishment, User
from admissions.enums import DischargeMode, IdentityStatus, RequestCode, StayKind, StayStatus
from admissions.events import Actor
from admissions.models import Patient, Rights, Stay, Unit
from admissions.rules.identity_status import STRICT_TRAITS
from admissions.services import coverage, identity, patients, stays
from billing import services as billing
from debtors.datamatrix import parse
from debtors.decisions import decide_association
from debtors.enums import AssociationStatus, MatchLevel
from debtors.models import DatamatrixAssociation, Debtor
from worklists.demo.catalogue import units
from worklists.demo.chain import Chain
from worklists.demo.plots import Script

READER = "scanner"
# An AMC's answer on rights is good for so long: a later step of the stay asks afresh, as it did in its time.
_RIGHTS_LAST = timedelta(days=7)
_IDENTITIES = {
    IdentityStatus.QUALIFIED: 58, IdentityStatus.VALIDATED: 18, IdentityStatus.RETRIEVED: 9, IdentityStatus.PROVISIONAL: 15,
}  # fmt: skip
_BED_LETTERS = "AB"


class Hospital:
    """The people and places that acts need, read once."""

    def __init__(self, establishment: Establishment, rng: Random, now: datetime) -> None:
        self.establishment = establishment
        self.rng = rng
        self.now = now
        self.units = {unit.code: unit for unit in Unit.objects.filter(establishment=establishment)}
        self.debtors = {debtor.code: debtor for debtor in Debtor.objects.all()}
        self._staff: dict[str, list[Actor]] = {}
        for user in User.objects.filter(establishment=establishment).order_by("pk"):
            for role in user.roles:
                self._staff.setdefault(role, []).append(Actor(user=user))

    def someone(self, role: Role, key: int) -> Actor:
        """A colleague of this role, always the same for the same dossier."""
        colleagues = self._staff[role]
        return colleagues[key % len(colleagues)]


class Acts:
    """The waves. Each is called once, in this order, and leaves the chain quiet. Their details run in other processes."""

    def __init__(self, hospital: Hospital, scripts: list[Script]) -> None:
        self._hospital = hospital
        self._scripts = scripts
        self.people = list(dict.fromkeys(script.person for script in scripts))
        # Two people may not teach the table the same card at once.
        self._learning = get_context("fork").Lock()
        self._chain = Chain(self)

    @property
    def chain(self) -> Chain:
        return self._chain

    # ---- patients and pre-admissions ----

    def create_patients(self) -> None:
        statuses = self._hospital.rng.choices(list(_IDENTITIES), list(_IDENTITIES.values()), k=len(self.people))
        created = self._chain.each("do_create_patient", [(index,) for index in range(len(self.people))])
        for person, patient_id in zip(self.people, created, strict=True):
            person.patient_id = patient_id
        known = [
            (index, person.patient_id, status)
            for index, (person, status) in enumerate(zip(self.people, statuses, strict=True))
        ]
        self._chain.each("do_identity", known)

    def do_create_patient(self, index: int) -> int:
        person = self.people[index]
        traits = person.traits
        if any(script.has("no_nir") for script in person.stays):
            traits = replace(traits, nir="")
        return patients.create_patient(traits, self._desk(person.stays[0])).pk

    def do_identity(self, index: int, patient_id: int, status: IdentityStatus) -> None:
        """Whose document was compared before the first stay of the demonstration; INSi is asked at each first pre-admission."""
        person = self.people[index]
        patient = Patient.objects.get(pk=patient_id)
        if status in (IdentityStatus.VALIDATED, IdentityStatus.QUALIFIED):
            identity.check_document(patient.pk, "CNI", self._desk(person.stays[0]), version=patient.version)

    def preadmit(self) -> None:
        """Plan every stay; cover each person at their first one, by the card that they show or by what they say."""
        for person in self.people:
            person.stays.sort(key=lambda script: script.preadmitted_at)
        indexed = [(index, person.patient_id) for index, person in enumerate(self.people)]
        for person, stay_ids in zip(self.people, self._chain.each("do_preadmit", indexed), strict=True):
            for script, stay_id in zip(person.stays, stay_ids, strict=True):
                script.stay_id = stay_id
        self._chain.settle()

    def do_preadmit(self, index: int, patient_id: int) -> list[int]:
        person = self.people[index]
        patient = Patient.objects.get(pk=patient_id)
        stay_ids = []
        for script in sorted(person.stays, key=lambda script: script.preadmitted_at):
            plan = stays.StayPlan(
                kind=script.kind,
                unit=self._hospital.units[script.unit.code],
                planned_start_at=script.arrival,
                planned_end_at=script.planned_exit,
                prescription_date=self._prescription(script),
            )
            actor = self._desk(script)
            stay = stays.preadmit(patient, self._hospital.establishment, plan, actor)
            stay_ids.append(stay.pk)
            self._cover(stay, script, actor, first=len(stay_ids) == 1)
        return stay_ids

    def _prescription(self, script: Script):  # type: ignore[no-untyped-def]
        if "RC23" in script.plot.member or script.kind == StayKind.EMERGENCY:
            return None
        return timezone.localdate(script.preadmitted_at)

    def _cover(self, stay: Stay, script: Script, actor: Actor, *, first: bool) -> None:
        person, cover = script.person, script.person.cover
        if first and person.fund:
            since = timezone.localdate(script.preadmitted_at).replace(month=1, day=1)
            fund = self._hospital.debtors[person.fund.code]
            coverage.declare_coverage(
                stay,
                fund,
                actor,
                valid_from=since - timedelta(days=365),
                source=person.source,
                particular={"piece": person.piece},
            )
        if cover.way == "none" or cover.payer is None:
            return
        if cover.way == "declared":
            coverage.declare_coverage(
                stay,
                self._hospital.debtors[cover.chosen],
                actor,
                valid_from=timezone.localdate(script.arrival).replace(month=1, day=1),
                convention=cover.convention,
                csr=cover.csr,
                member_number=cover.member_number,
            )
            return
        self._read_card(stay, script, actor)

    def _read_card(self, stay: Stay, script: Script, actor: Actor) -> None:
        cover = script.person.cover
        read = parse(cover.content)
        with self._learning:
            outcome = coverage.read_card(stay, read, READER, actor)
            if script.has("other_debtor"):
                if outcome.level not in (MatchLevel.WHOLE, MatchLevel.CSR):
                    # A colleague chose for such a card before: only then is there something to set aside.
                    coverage.choose_debtor(stay, outcome.card, self._hospital.debtors[cover.chosen], actor)
                # The agent is sure to know better than the table: the référent will see to it.
                coverage.choose_debtor(stay, outcome.card, self._another_debtor(cover.chosen), actor)
            elif outcome.needs_choice and cover.way not in ("unread", "expired"):
                coverage.choose_debtor(stay, outcome.card, self._hospital.debtors[cover.chosen], actor)

    def _another_debtor(self, code: str) -> Debtor:
        """The neighbour in the grid, of the same operator when there is one."""
        right = self._hospital.debtors[code]
        others = [
            debtor
            for debtor in self._hospital.debtors.values()
            if debtor.amc_number and debtor.amc_number != right.amc_number and debtor.amc_number < "00990001600"
        ]
        return next((debtor for debtor in others if debtor.operator_id == right.operator_id), others[0])

    def decide_associations(self) -> None:
        """The référents validate the cards met most often, and reject a code that is no card at all."""
        waiting = list(
            DatamatrixAssociation.objects.filter(status=AssociationStatus.TO_VALIDATE).order_by("-use_count", "pk")
        )
        unread = [association.pk for association in waiting if not association.amc_number]
        for number, association in enumerate(waiting):
            if association.pk in unread[:1]:
                status = AssociationStatus.REJECTED
            elif association.use_count >= 3 and association.amc_number:
                status = AssociationStatus.VALIDATED
            else:
                continue
            actor = self._hospital.someone(Role.REFERENT, number)
            assert actor.user is not None
            decide_association(association.pk, status, actor.user, version=association.version)

    # ---- the stay ----

    def cancel(self) -> None:
        self._each("do_cancel", lambda script: script.cancelled_at is not None)

    def do_cancel(self, script: Script) -> None:
        reasons = ("Reporté par le patient", "Bloc indisponible", "Patient souffrant", "Doublon de rendez-vous")
        stays.cancel(script.stay_id, reasons[script.stay_id % len(reasons)], self._desk(script))

    def admit(self) -> None:
        self._outlive_rights(lambda script: script.arrival - script.preadmitted_at)
        self._each("do_admit", self._is_admitted)

    def _is_admitted(self, script: Script) -> bool:
        until = script.plot.until
        past = script.arrival < self._hospital.now
        return until in ("admitted", "discharged") or (until == "admitted_if_past" and past)

    def do_admit(self, script: Script) -> None:
        room = bed = ""
        if script.kind == StayKind.FULL:
            room, bed = f"{200 + script.stay_id % 60}", _BED_LETTERS[script.stay_id % 2]
        stays.admit(script.stay_id, script.arrival, self._desk(script), room=room, bed=bed)

    def live(self) -> None:
        """What happens between the admission and the exit: another service, a single room."""
        self._each("do_move", lambda script: script.moves_at is not None and self._is_admitted(script))
        self._each("do_ask_single_room", lambda s: s.single_room_from is not None and self._is_admitted(s))

    def do_move(self, script: Script) -> None:
        if script.moves_at is None or script.moves_at >= (script.exit or self._hospital.now):
            return
        there = [row for row in units() if row.domain == script.unit.domain and row.kind == StayKind.FULL]
        there = [row for row in there if row.code != script.unit.code and row.name != "Maternité"]
        if not there:
            return
        unit = self._hospital.units[there[script.stay_id % len(there)].code]
        room = f"{100 + script.stay_id % 60}"
        stays.move(script.stay_id, unit, script.moves_at, self._desk(script), room=room, bed="A")

    def do_ask_single_room(self, script: Script) -> None:
        if script.single_room_from is None:
            return
        day = script.single_room_from
        stays.add_request(script.stay_id, RequestCode.SINGLE_ROOM, day, self._desk(script), signed_on=day)

    def outlive_rights_before_exit(self) -> None:
        self._outlive_rights(lambda script: (script.exit or script.arrival) - script.arrival)

    def discharge(self, scripts: list[Script]) -> None:
        """These patients leave, with what was done for them."""
        leaving = set(scripts)
        self._each("do_discharge", lambda script: script in leaving)

    def do_discharge(self, script: Script) -> None:
        assert script.exit is not None
        actor = self._desk(script)
        for code, day in script.acts:
            billing.enter_activity(script.stay_id, code, day, 1, actor)
        transferred = script.kind == StayKind.FULL and script.stay_id % 17 == 0
        mode = DischargeMode.TRANSFER if transferred else DischargeMode.HOME
        stays.discharge(script.stay_id, script.exit, mode, actor)

    def correct(self, leaving: list[Script]) -> None:
        """Exits typed wrong, then right before any invoice left: the engagement is cancelled and asked again."""
        wrong = [script for script in leaving if script.corrected_at is not None]
        for script in wrong:
            assert script.exit is not None
            stay = Stay.objects.get(pk=script.stay_id)
            exit_at = script.exit - timedelta(days=1)
            stays.correct_discharge(
                script.stay_id, exit_at, DischargeMode.HOME, self._desk(script), version=stay.version
            )
            script.exit = exit_at
        if wrong:
            self._chain.settle()

    def withdraw_identities(self, leaving: list[Script]) -> None:
        """A NIR found doubtful after the engagement, before the lot: no invoice until a right one comes."""
        for script in leaving:
            if not script.has("nir_withdrawn"):
                continue
            patient = Patient.objects.get(pk=script.person.patient_id)
            # Those of now: INSi may have completed them since.
            ours = {name: getattr(patient, name) for name in STRICT_TRAITS}
            traits = replace(script.person.traits, nir="", **ours)
            patients.correct_patient(patient.pk, traits, self._desk(script), version=patient.version)

    # ---- common ----

    def perform(self, act: str, index: int, stay_id: int) -> None:
        """One act on one stay, in the process that was given it: it was forked before the stay had a number."""
        script = self._scripts[index]
        script.stay_id = stay_id
        getattr(self, act)(script)

    def _each(self, act: str, wanted: Callable[[Script], bool]) -> None:
        chosen = [(act, index, script.stay_id) for index, script in enumerate(self._scripts) if wanted(script)]
        self._chain.each("perform", chosen)
        self._chain.settle()

    def _outlive_rights(self, gap: Callable[[Script], timedelta]) -> None:
        """Where more days passed than an answer is good for, it is over by now: the engine will ask afresh."""
        old = [script.stay_id for script in self._scripts if gap(script) > _RIGHTS_LAST]
        yesterday = timezone.localdate(self._hospital.now) - timedelta(days=1)
        Rights.objects.filter(stay__in=old, stay__status__in=[StayStatus.PREADMITTED, StayStatus.ADMITTED]).update(
            valid_until=yesterday
        )

    def _desk(self, script: Script) -> Actor:
        return self._hospital.someone(Role.AGENT, int(script.preadmitted_at.timestamp()) // 60)
