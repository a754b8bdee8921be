from django.db import migrations

ROLES = ("viewer", "analyst", "operator", "admin")


def make_roles(apps, schema_editor):
    """Whoever has an account sees the pages, as before. A group that had a role's name is renamed: its members were
    chosen for something else."""
    Group = apps.get_model("auth", "Group")
    User = apps.get_model("auth", "User")
    for group in Group.objects.filter(name__in=ROLES):
        group.name = f"{group.name} (before roles)"
        group.save()
    groups = {name: Group.objects.create(name=name) for name in ROLES}
    groups["viewer"].user_set.set(User.objects.filter(is_superuser=False))


def remove_roles(apps, schema_editor):
    apps.get_model("auth", "Group").objects.filter(name__in=ROLES).delete()


def end_sessions(apps, schema_editor):
    """Sessions are listed from now on. Those that began before would not be, and could not be ended."""
    apps.get_model("sessions", "Session").objects.all().delete()


class Migration(migrations.Migration):

    dependencies = [
        ("people", "0001_add_rights_limits_and_invitations"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("sessions", "0001_initial"),
    ]

    operations = [
        migrations.RunPython(make_roles, remove_roles),
        migrations.RunPython(end_sessions, migrations.RunPython.noop),
    ]
