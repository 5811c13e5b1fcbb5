from django.db import migrations

from accounts.journal.tables import journaled


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_journal"), ("teleservices", "0011_unavailable_tries")]

    operations = [
        journaled("teleservices_anomaly"),
        journaled("teleservices_returncode"),
        journaled("teleservices_retrypolicy"),
        journaled("teleservices_calllimit"),
        journaled("teleservices_channelrule"),
        journaled("teleservices_maintenancewindow"),
        journaled("teleservices_perimeter", skipped=("applied_at",)),
        journaled("teleservices_perimeteramc"),
        journaled("teleservices_connectionplan"),
        journaled("teleservices_connectionmilestone"),
        journaled("teleservices_softwarecertificate", masked=("private_key",)),
        journaled("teleservices_trustedauthority"),
    ]
