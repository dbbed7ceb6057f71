from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("deployments", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="version",
            name="packages",
            field=models.JSONField(default=dict),
        ),
    ]
