from django.db import migrations

from accounts.journal.tables import journaled


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_journal"), ("admissions", "0007_hospital_of_a_patient")]

    operations = [
        journaled("admissions_unit"),
        journaled("admissions_patient", patient="id", skipped=("version",)),
        journaled("admissions_stay", patient="patient_id", stay="id", skipped=("version",)),
        journaled("admissions_movement", stay="stay_id"),
        journaled("admissions_particularrequest", stay="stay_id"),
        journaled("admissions_card", patient="patient_id"),
        journaled("admissions_coverage", patient="patient_id", skipped=("version", "updated_at")),
    ]
