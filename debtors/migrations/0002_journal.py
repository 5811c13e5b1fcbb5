from django.db import migrations

from accounts.journal.tables import journaled


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_journal"), ("debtors", "0001_initial")]

    operations = [
        journaled("debtors_operator"),
        journaled("debtors_debtor", skipped=("refreshed_at",)),
        journaled("debtors_datamatrixassociation", skipped=("version", "use_count", "last_used_at")),
    ]
