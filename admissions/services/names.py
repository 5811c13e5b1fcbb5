"""The words under which a patient is found again, kept beside the names."""

from __future__ import annotations

from functools import partial

from django.db import transaction

from admissions.events import wake
from admissions.models import Patient, PatientMatchKey, PatientNameToken
from admissions.rules import identity
from admissions.rules.matching import match_keys


def index_names(patient: Patient) -> None:
    """Write the words and the sounds of a patient's names: those that are no longer in them leave.

    Once committed, the dossier is compared with those that resemble it, by whoever has the time; the night finds it else.
    """
    transaction.on_commit(partial(wake, "admissions.tasks.look_for_pairs_of", patient.pk, queue="batch"))
    names = (patient.birth_name, patient.used_name, patient.first_names, patient.used_first_name)
    wanted = identity.name_tokens(*filter(None, names))
    present = set(patient.name_tokens.values_list("token", flat=True))
    patient.name_tokens.filter(token__in=present - wanted).delete()
    PatientNameToken.objects.bulk_create(
        [PatientNameToken(patient=patient, token=token) for token in sorted(wanted - present)], ignore_conflicts=True
    )
    keys = match_keys(patient.birth_name, patient.used_name, patient.first_names, patient.used_first_name)
    held = set(patient.match_keys.values_list("key", flat=True))
    patient.match_keys.filter(key__in=held - keys).delete()
    PatientMatchKey.objects.bulk_create(
        [PatientMatchKey(patient=patient, key=key) for key in sorted(keys - held)], ignore_conflicts=True
    )
