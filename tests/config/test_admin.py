import pytest
from django.contrib.auth.models import User
from django.test import Client


@pytest.mark.django_db
def test_people_are_added_with_a_password(admin_client: Client) -> None:
    fields = {"username": "jo", "password1": "correct-horse-9", "password2": "correct-horse-9"}

    admin_client.post("/admin/auth/user/add/", fields | {"usable_password": "true"})

    assert User.objects.get(username="jo").check_password("correct-horse-9")
