from django.db import migrations

BATCH = 5_000


def fill(apps, schema_editor):
    """The keys of those who are here already, a batch a transaction: begun again after a stop, it writes no key twice."""
    from admissions.rules.matching import match_keys

    patients = apps.get_model("admissions", "Patient").objects.order_by("pk")
    key_model = apps.get_model("admissions", "PatientMatchKey")
    last = 0
    while rows := list(
        patients.filter(pk__gt=last).values_list("pk", "birth_name", "used_name", "first_names", "used_first_name")[
            :BATCH
        ]
    ):
        key_model.objects.bulk_create(
            [key_model(patient_id=pk, key=key) for pk, *names in rows for key in match_keys(*names)],
            ignore_conflicts=True,
        )
        last = rows[-1][0]


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("admissions", "0018_match_keys")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop, elidable=True)]
