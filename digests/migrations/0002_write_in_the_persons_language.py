from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("digests", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="digestsubscription",
            name="language",
            field=models.CharField(
                choices=[("en", "English"), ("de", "Deutsch")],
                db_default="en",
                default="en",
                help_text="That of its letters",
                max_length=8,
            ),
        ),
    ]
