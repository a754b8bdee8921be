from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("workbench", "0008_index_runs_for_their_monitor"),
    ]

    operations = [
        migrations.AddField(
            model_name="retryrequest",
            name="webhook",
            field=models.CharField(blank=True, db_default="", editable=False, max_length=32),
        ),
        migrations.AddIndex(
            model_name="retryrequest",
            index=models.Index(
                condition=models.Q(("answer_status", 410)), fields=["webhook"], name="retry_request_gone"
            ),
        ),
        migrations.AddIndex(
            model_name="retryrequest",
            index=models.Index(
                condition=models.Q(("new_run_id", ""), _negated=True),
                fields=["new_run_id", "environment"],
                name="retry_request_new_run",
            ),
        ),
    ]
