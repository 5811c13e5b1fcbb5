from django.db import migrations

from accounts.journal.tables import journaled


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_journal"), ("billing", "0003_who_recorded_a_payment")]

    operations = [
        journaled("billing_invoice", stay="stay_id", skipped=("version",)),
        journaled("billing_payment"),
        journaled("billing_activity", stay="stay_id"),
        journaled("billing_engagement", stay="stay_id"),
        journaled("billing_tariffitem"),
        journaled("billing_tariffvalue"),
    ]
