import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.db.models.functions.datetime
from django.db import migrations, models

from accounts.journal import tables


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_services_of_a_role")]

    operations = [
        migrations.CreateModel(
            name="JournalEntry",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), verbose_name="quand"),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("read", "consultation"),
                            ("listed", "liste affichée"),
                            ("export", "export"),
                            ("change", "modification"),
                            ("refused", "accès refusé"),
                            ("session", "connexion"),
                            ("glass", "bris de glace"),
                            ("admin", "administration"),
                        ],
                        max_length=12,
                        verbose_name="nature",
                    ),
                ),
                ("action", models.CharField(max_length=80, verbose_name="action")),
                ("user_id", models.BigIntegerField(null=True, verbose_name="personne")),
                ("client_id", models.BigIntegerField(null=True, verbose_name="programme")),
                ("establishment_id", models.BigIntegerField(null=True, verbose_name="établissement")),
                ("place", models.GenericIPAddressField(null=True, verbose_name="d’où")),
                ("session", models.CharField(blank=True, max_length=16, verbose_name="session")),
                ("request", models.UUIDField(null=True, verbose_name="demande")),
                ("patient_id", models.BigIntegerField(null=True, verbose_name="patient")),
                ("stay_id", models.BigIntegerField(null=True, verbose_name="séjour")),
                ("object_type", models.CharField(blank=True, max_length=63, verbose_name="table")),
                ("object_id", models.BigIntegerField(null=True, verbose_name="clé")),
                ("detail", models.JSONField(blank=True, default=dict, verbose_name="détail")),
                ("reason", models.CharField(blank=True, max_length=300, verbose_name="motif")),
            ],
            options={"verbose_name": "trace", "ordering": ["-id"]},
        ),
        migrations.CreateModel(
            name="JournalSeal",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.BigIntegerField(unique=True, verbose_name="n°")),
                ("sealed_at", models.DateTimeField(verbose_name="scellé le")),
                ("last_entry", models.BigIntegerField(verbose_name="dernière trace")),
                (
                    "entries",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.BigIntegerField(), size=None, verbose_name="traces"
                    ),
                ),
                ("digests", models.BinaryField(verbose_name="empreintes")),
                (
                    "gaps",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.BigIntegerField(), default=list, size=None, verbose_name="clés attendues"
                    ),
                ),
                ("horizon", models.BigIntegerField(verbose_name="horizon")),
                ("key_id", models.CharField(max_length=8, verbose_name="clé de scellement")),
                ("previous", models.BinaryField(verbose_name="empreinte du sceau précédent")),
                ("digest", models.BinaryField(verbose_name="empreinte")),
            ],
            options={
                "verbose_name": "sceau du journal",
                "verbose_name_plural": "sceaux du journal",
                "ordering": ["number"],
            },
        ),
        migrations.AddConstraint(
            model_name="journalentry",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("kind__in", ["read", "listed", "export", "change", "refused", "session", "glass", "admin"])
                ),
                name="journal_kind_is_known",
            ),
        ),
        migrations.AddIndex(
            model_name="journalentry",
            index=models.Index(
                models.F("patient_id"),
                models.OrderBy(models.F("id"), descending=True),
                condition=models.Q(("patient_id__isnull", False)),
                name="journal_patient",
            ),
        ),
        migrations.AddIndex(
            model_name="journalentry",
            index=models.Index(
                models.F("user_id"),
                models.OrderBy(models.F("id"), descending=True),
                condition=models.Q(("user_id__isnull", False)),
                name="journal_user",
            ),
        ),
        migrations.AddIndex(
            model_name="journalentry",
            index=django.contrib.postgres.indexes.BrinIndex(autosummarize=True, fields=["at"], name="journal_at"),
        ),
        # A change told by a trigger names the columns that it has; the database fills the others.
        migrations.RunSQL(
            "alter table accounts_journalentry alter column session set default '', "
            "alter column detail set default '{}', alter column reason set default '', "
            "alter column object_type set default ''",
            migrations.RunSQL.noop,
        ),
        migrations.RunSQL(tables.FUNCTION, "drop function gap_journal_change()"),
        migrations.RunSQL(tables.APPEND_ONLY, "drop function gap_append_only()"),
        tables.append_only("accounts_journalentry"),
        tables.append_only("accounts_journalseal"),
        tables.journaled("accounts_establishment"),
        tables.journaled("accounts_user", skipped=("last_login",), masked=("password",)),
        tables.journaled("accounts_roleassignment"),
        tables.journaled("accounts_apiclient", skipped=("last_used_at",), masked=("token_digest",)),
    ]
