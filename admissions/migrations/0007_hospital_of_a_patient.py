import django.db.models.deletion
from django.db import migrations, models


def fill(apps, _schema_editor):
    """The site of who made it, else that of the first stay."""
    Patient = apps.get_model("admissions", "Patient")
    Stay = apps.get_model("admissions", "Stay")
    first = Stay.objects.filter(patient=models.OuterRef("pk")).order_by("pk").values("establishment")[:1]
    users = apps.get_model("accounts", "User").objects.filter(pk=models.OuterRef("created_by")).values("establishment")
    clients = apps.get_model("accounts", "ApiClient").objects.filter(pk=models.OuterRef("client"))
    for found in (users, clients.values("establishment"), first):
        Patient.objects.filter(establishment__isnull=True).update(establishment=models.Subquery(found[:1]))


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0002_services_of_a_role"),
        ("admissions", "0006_connection_test_event"),
    ]

    operations = [
        migrations.AddField(
            model_name="patient",
            name="establishment",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="accounts.establishment",
                verbose_name="établissement",
            ),
        ),
        migrations.RunPython(fill, migrations.RunPython.noop, elidable=True),
    ]
