"""The forms that people sign in with, and accept an invitation with."""

import unicodedata
from typing import Any

from allauth.account.forms import LoginForm
from django import forms
from django.contrib.auth import get_user_model
from django.contrib.auth.forms import BaseUserCreationForm
from django.contrib.auth.models import User
from django.utils.translation import gettext as _

LONGEST_MAIL = 254


class SignInForm(LoginForm):
    """A name, or the mail address of exactly one person, and a password."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"] = forms.CharField(max_length=LONGEST_MAIL)

    def add_prefix(self, field_name: str) -> str:
        """Browsers and scripts know the field as `username`."""
        return "username" if field_name == "login" else field_name

    def user_credentials(self) -> dict[str, str]:
        """All ways to write an account give its name, so that they share one limit."""
        login = unicodedata.normalize("NFKC", self.cleaned_data["login"])
        return {"username": account_name(login), "password": self.cleaned_data["password"]}


def account_name(login: str) -> str:
    """The name of the account that the login is the mail address of; else the login, which is a name or nobody's."""
    users = get_user_model()._default_manager
    if "@" not in login or users.filter(username=login).exists():
        return login
    names = list(users.filter(email__iexact=login).values_list("username", flat=True)[:2])
    return str(names[0]) if len(names) == 1 else login


class AcceptanceForm(BaseUserCreationForm):  # type: ignore[type-arg]  # Django's takes none at run time.
    """The name and password of an invited person. The mail address is the invitation's."""

    class Meta(BaseUserCreationForm.Meta):
        model = User
        fields = ("username",)

    def __init__(self, *args: Any, email: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.instance.email = email

    def clean_username(self) -> str:
        """A name that is somebody's mail address would take it from them at the sign-in."""
        name: str = self.cleaned_data["username"]
        if "@" in name:
            raise forms.ValidationError(_("A name has no @. You can sign in with your mail address as well."))
        return name
