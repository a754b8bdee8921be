import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("telemetry", "0010_add_maintenance_windows"),
    ]

    operations = [
        migrations.CreateModel(
            name="PlanVersion",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("digest", models.CharField(help_text="SHA-256 of the content", max_length=64, unique=True)),
                ("version", models.CharField(help_text="As the plan's file says it", max_length=20)),
                ("content", models.TextField(help_text="The plan as JSON, in a fixed order")),
                ("first_loaded_at", models.DateTimeField()),
                ("last_loaded_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="PlanLoad",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("machine", models.CharField(max_length=253)),
                ("process", models.CharField(max_length=16)),
                ("loaded_at", models.DateTimeField()),
                (
                    "plan",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="loads",
                        to="telemetry.planversion",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("machine", "process"), name="plan_load_unique")
                ],
            },
        ),
    ]
