from django.db import migrations

from accounts.journal.tables import journaled


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_journal"), ("worklists", "0002_marks")]

    operations = [
        journaled("worklists_assignment"),
        journaled("worklists_linemark"),
    ]
