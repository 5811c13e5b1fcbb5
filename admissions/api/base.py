"""What views of a hospital's dossiers share: who acts, which dossiers this client may name, how refusals are told."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet
from django.http import Http404
from django.shortcuts import get_object_or_404
from rest_framework.exceptions import ValidationError

from accounts import journal
from accounts.api import ClientViewSet
from accounts.enums import Scope
from accounts.models import ApiClient
from admissions.errors import Conflict, Refused
from admissions.events import Actor
from admissions.models import Patient, Stay, Unit
from admissions.querysets import by_ipp, patients_of
from gap.api.problems import Problem, translates


@translates(Refused)
def _refused(error: Refused) -> Problem:
    return Problem(
        422, error.sentence, message=error.message, kept=error.kept, todo=error.todo, field=error.field, slug="refused"
    )


def conflict_problem(**extra: Any) -> Problem:
    """409: told to a program, where the service speaks to a person before a screen."""
    message, kept = "La ressource a changé depuis la version que vous avez lue.", "Rien n’a été écrasé."
    todo = "Relisez-la, comparez, puis recommencez avec sa version."
    return Problem(409, f"{message} {kept} {todo}", slug="conflict", message=message, kept=kept, todo=todo, **extra)


@translates(Conflict)
def _conflict(error: Conflict) -> Problem:
    return conflict_problem()


def unprotected(client: ApiClient, patient: str = "") -> Q:
    """The rows that this client may see whose `patient` (`""`, `"stay__patient__"`…) is protected or not.

    Nobody asks a program why: it has the scope `protected`, or those dossiers do not exist for it.
    """
    return Q() if client.has_now(Scope.PROTECTED) else Q(**{f"{patient}protection": ""})


def visible_patients(client: ApiClient) -> QuerySet[Patient]:
    """Identities of the client's hospital."""
    return patients_of(client.establishment).filter(unprotected(client))


def visible_stays(client: ApiClient) -> QuerySet[Stay]:
    return Stay.objects.filter(unprotected(client, "patient__"), establishment=client.establishment_id)


class HospitalViewSet(ClientViewSet):
    """Views on dossiers."""

    @property
    def actor(self) -> Actor:
        return Actor(client=self.client)

    def find_patient(self, ipp: str) -> Patient:
        """Raises Http404."""
        patient = by_ipp(ipp, visible_patients(self.client))
        if patient is None:
            raise Http404
        journal.read(patient_id=patient.pk, protected=False)  # found: this client may see it
        return patient

    def find_stay(self, iep: str) -> Stay:
        """Raises Http404."""
        stay: Stay = get_object_or_404(visible_stays(self.client), iep=iep)
        journal.read(patient_id=stay.patient_id, stay_id=stay.pk, protected=False)
        return stay

    def find_unit(self, code: str) -> Unit:
        """The unit named in a body. Raises ValidationError."""
        unit = Unit.objects.filter(establishment=self.client.establishment_id, code=code, active=True).first()
        if unit is None:
            raise ValidationError({"unit": ["Aucun service en activité de cet établissement n’a ce code."]})
        return unit
