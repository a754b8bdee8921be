"""Passkeys (WebAuthn): allauth's forms, for which what a browser sends may be anything."""

import struct
from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.mfa.adapter import get_adapter
from allauth.mfa.webauthn.forms import (
    AddWebAuthnForm,
    AuthenticateWebAuthnForm,
    EditWebAuthnForm,
    LoginWebAuthnForm,
    ReauthenticateWebAuthnForm,
)
from django import forms

from web.languages import lazy_text

LONGEST_NAME = 60
LONGEST_CREDENTIAL = 20_000
# What the readers of CBOR, JSON and base64 raise for bytes that are none.
UNREADABLE = (
    TypeError, ValueError, LookupError, AttributeError, ArithmeticError, AssertionError, RecursionError, struct.error,
)  # fmt: skip

Cleaning = Callable[[Any], Any]


def refuse_unreadable(clean: Cleaning) -> Cleaning:
    """A check that calls a credential wrong which cannot be read."""

    @wraps(clean)
    def guarded(form: Any) -> Any:
        try:
            return clean(form)
        except forms.ValidationError:
            raise
        except UNREADABLE:
            raise get_adapter().validation_error("incorrect_code") from None

    return guarded


class CredentialField(forms.JSONField):
    """A credential as the browser's script writes it."""

    def __init__(self) -> None:
        super().__init__(required=True, widget=forms.HiddenInput)

    def to_python(self, value: Any) -> Any:
        if isinstance(value, str) and len(value) > LONGEST_CREDENTIAL:
            raise get_adapter().validation_error("incorrect_code")
        try:
            credential = super().to_python(value)
        except RecursionError:
            credential = None
        if not isinstance(credential, dict) or not isinstance(credential.get("response"), dict):
            raise get_adapter().validation_error("incorrect_code")
        return credential


class AddPasskeyForm(AddWebAuthnForm):
    name = forms.CharField(required=False, max_length=LONGEST_NAME, label=lazy_text("Name of the passkey"))
    credential = CredentialField()

    @refuse_unreadable
    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean()
        if isinstance(cleaned.get("credential"), dict):
            cleaned["credential"] = kept_credential(cleaned["credential"])
        return cleaned


def kept_credential(credential: dict[str, Any]) -> dict[str, Any]:
    """What a later sign-in needs; anything else that was sent is not stored."""
    response, results = credential["response"], credential.get("clientExtensionResults")
    properties = results.get("credProps") if isinstance(results, dict) else None
    is_discoverable = properties.get("rk") if isinstance(properties, dict) else None
    return {
        "id": credential["id"],
        "rawId": credential["rawId"],
        "type": "public-key",
        "response": {name: response[name] for name in ("clientDataJSON", "attestationObject")},
        "clientExtensionResults": {"credProps": {"rk": is_discoverable is True}},
    }


class SecondFactorPasskeyForm(AuthenticateWebAuthnForm):
    credential = CredentialField()

    clean_credential = refuse_unreadable(AuthenticateWebAuthnForm.clean_credential)


class SignInPasskeyForm(LoginWebAuthnForm):
    credential = CredentialField()

    clean_credential = refuse_unreadable(LoginWebAuthnForm.clean_credential)


class ConfirmPasskeyForm(ReauthenticateWebAuthnForm):
    credential = CredentialField()

    clean_credential = refuse_unreadable(ReauthenticateWebAuthnForm.clean_credential)


class RenamePasskeyForm(EditWebAuthnForm):
    name = forms.CharField(max_length=LONGEST_NAME, label=lazy_text("Name"))
