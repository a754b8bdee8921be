"""What an admin enters of people: their role, and the environments that they see."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any, cast

from django import forms
from django.conf import settings
from django.contrib.auth.models import Group, User
from unfold.forms import UserChangeForm, UserCreationForm
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminEmailInputWidget,
    UnfoldAdminSelectWidget,
    UnfoldBooleanSwitchWidget,
)

from people.access import environments_allowed, limit_of, set_limit
from people.models import Invitation, Role
from people.roles import givable_roles, give_role, role_of
from telemetry.models import Environment


class AccessForm(forms.Form):
    """The fields of role and environments. `actor` is who enters them; the admin sets it."""

    actor: User

    role = forms.ChoiceField(required=False, widget=UnfoldAdminSelectWidget)
    is_limited = forms.BooleanField(
        required=False,
        label="Limited to some environments",
        widget=UnfoldBooleanSwitchWidget,
        help_text="Off: the person sees every environment, also those to come.",
    )
    environments = forms.MultipleChoiceField(
        required=False, widget=UnfoldAdminCheckboxSelectMultipleWidget, help_text="Where the limit is on."
    )

    def offer(self, *, role: Role | None, limit: Iterable[str] | None) -> None:
        """Fill in what is there now, and offer what the actor may give."""
        roles = [(given.value, given.label) for given in givable_roles(self.actor)]
        names = sorted({*environments_allowed(self.actor, Environment.names()), *(limit or ())})
        self.fill(
            "role", initial=role.value if role else "", choices=[("", "No role: sees no pages"), *roles]
        )
        own = limit_of(self.actor)
        chosen = own if limit is None else limit
        self.fill("environments", initial=sorted(chosen or ()), choices=[(name, name) for name in names])
        self.fields["is_limited"].initial = chosen is not None
        self.fields["is_limited"].disabled = own is not None

    def fill(self, name: str, *, initial: object, choices: list[tuple[str, str]]) -> None:
        field = cast(forms.ChoiceField, self.fields[name])
        field.initial = initial
        field.choices = choices

    def chosen_role(self) -> Role | None:
        return Role(self.cleaned_data["role"]) if self.cleaned_data["role"] else None

    def chosen_limit(self) -> list[str] | None:
        """The names; None: every environment."""
        return list(self.cleaned_data["environments"]) if self.cleaned_data["is_limited"] else None

    def give_access(self, user: User) -> None:
        """Give the person what was entered."""
        give_role(user=user, role=self.chosen_role())
        set_limit(user=user, environments=self.chosen_limit())


class PersonForm(AccessForm, UserChangeForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.offer(role=role_of(self.instance), limit=limit_of(self.instance))
        groups = self.fields.get("groups")
        if isinstance(groups, forms.ModelMultipleChoiceField):
            groups.queryset = Group.objects.exclude(name__in=Role.values)
            groups.help_text = "Besides the role."


class NewPersonForm(AccessForm, UserCreationForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.offer(role=None, limit=None)


class InvitationForm(AccessForm, forms.ModelForm):  # type: ignore[type-arg]  # Django's takes none at run time.
    class Meta:
        model = Invitation
        fields = ["email"]
        widgets = {"email": UnfoldAdminEmailInputWidget}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.offer(role=None, limit=None)
        roles = [(given.value, given.label) for given in givable_roles(self.actor)]
        self.fill("role", initial=Role.VIEWER.value, choices=roles)
        self.fields["role"].required = True

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"].lower()
        if User.objects.filter(email__iexact=email).exists():
            raise forms.ValidationError("Somebody has an account with this address.")
        return email

    @property
    def lasts(self) -> timedelta:
        return timedelta(days=settings.INVITATION_DAYS)
