from django.db import migrations


class Migration(migrations.Migration):
    """IPP and IEP come from sequences of the database: two desks never get the same number."""

    dependencies = [("admissions", "0001_initial")]
    operations = [
        migrations.RunSQL("create sequence patient_ipp start 1000001", "drop sequence patient_ipp"),
        migrations.RunSQL("create sequence stay_iep start 100001", "drop sequence stay_iep"),
    ]
