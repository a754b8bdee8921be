from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('telemetry', '0012_let_alerts_in_and_route_notices'),
    ]

    operations = [
        migrations.AddField(
            model_name='arrival',
            name='traceparent',
            field=models.CharField(max_length=55, null=True),
        ),
    ]
