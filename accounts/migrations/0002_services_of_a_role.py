import django.contrib.postgres.fields
from django.db import migrations, models


_ROLES = [
    ("agent", "agent d’accueil"),
    ("referent", "référent"),
    ("billing", "facturation"),
    ("cashier", "régie"),
    ("administrator", "administrateur"),
    ("auditor", "contrôle des accès"),
]


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="roleassignment",
            name="services",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=6), blank=True, default=list, size=None, verbose_name="services"
            ),
        ),
        migrations.RemoveConstraint(model_name="roleassignment", name="role_is_known"),
        migrations.AlterField(
            model_name="roleassignment",
            name="role",
            field=models.CharField(choices=_ROLES, max_length=16, verbose_name="rôle"),
        ),
        migrations.AddConstraint(
            model_name="roleassignment",
            constraint=models.CheckConstraint(
                condition=models.Q(("role__in", [role for role, _ in _ROLES])), name="role_is_known"
            ),
        ),
    ]
