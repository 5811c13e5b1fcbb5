from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('teleservices', '0017_insi_certificate'),
    ]

    operations = [
        migrations.AlterField(
            model_name='softwarecertificate',
            name='use',
            field=models.CharField(choices=[('directory', 'annuaire AMC'), ('services', 'services des AMC'), ('insi', 'identité nationale (INSi)'), ('cdri', 'droits AMO (CDRi)')], max_length=10, verbose_name='usage'),
        ),
    ]
