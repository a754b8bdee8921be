"""Single sign-on by OpenID Connect: allauth speaks the protocol, this decides who gets in, and as whom."""

import secrets
from collections.abc import Mapping
from typing import Any, NoReturn

from allauth.account.models import EmailAddress
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialAccount, SocialLogin
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.conf import settings
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone

from people.invitations import accept_invitation, invitation_for
from people.single_sign_on.claims import apply_claims, kept_claims, merged, verified_mail
from web.languages import lazy_text

PROVIDER_ID = "oidc"
LONGEST_UID = 191
CONFIGURATION_SECONDS = 10 * 60
# Code → what the sign-in page says.
FAULTS: Mapping[str, str] = {
    "sign_on_failed": lazy_text("The provider did not sign you in. Try again."),
    "sign_on_cancelled": lazy_text("You were not signed in."),
    "sign_on_unreachable": lazy_text(
        "The provider does not answer at this moment. Try again in a few minutes."
    ),
    "sign_on_mail_domain": lazy_text("Accounts with your mail address are not let in."),
    "sign_on_mail_unverified": lazy_text(
        "There is an account with your mail address, and your provider does not say that the address is yours."
    ),
    "sign_on_account_taken": lazy_text(
        "The account with your mail address cannot be used with this provider."
    ),
    "sign_on_no_account": lazy_text("You have no account here. An administrator can invite you."),
    "local_sign_in_off": lazy_text("Sign in through your provider."),
}


def refuse(code: str) -> NoReturn:
    """Leads to the sign-in page, which says why. Raises ImmediateHttpResponse."""
    raise ImmediateHttpResponse(redirect(f"{reverse('login')}?fault={code}"))


class PortalOpenIDAdapter(OpenIDConnectOAuth2Adapter):
    """Asks the provider for its addresses once in a while: who begins to sign in does not wait for them."""

    @property
    def openid_config(self) -> dict[str, Any]:
        key = f"people.openid_configuration:{settings.OIDC_ISSUER}"
        configuration: dict[str, Any] | None = cache.get(key)
        if configuration is None:
            configuration = dict(super().openid_config)
            cache.set(key, configuration, CONFIGURATION_SECONDS)
        return configuration


class PortalOpenIDProvider(OpenIDConnectProvider):
    """Asks for what the settings say, whatever is in the address, and with a nonce."""

    oauth2_adapter_class = PortalOpenIDAdapter

    def get_scope_from_request(self, request: HttpRequest) -> list[str]:
        return list(settings.OIDC_SCOPES)

    def get_scope(self) -> list[str]:
        return list(settings.OIDC_SCOPES)

    def redirect(self, request: HttpRequest, process: str, **kwargs: Any) -> HttpResponse:
        nonce = secrets.token_urlsafe(24)
        # allauth keeps what it does not know with the state, and gives it back when the person returns.
        answer: HttpResponse = super().redirect(
            request, process, **kwargs, auth_params={"nonce": nonce}, nonce=nonce
        )
        return answer

    def extract_uid(self, data: dict[str, Any]) -> str:
        """Raises ValueError for one that is too long to be stored."""
        uid: str = super().extract_uid(data)
        if len(uid) > LONGEST_UID:
            raise ValueError("uid")
        return uid

    def extract_extra_data(self, data: dict[str, Any]) -> dict[str, Any]:
        return kept_claims(data)

    def extract_common_fields(self, data: dict[str, Any]) -> dict[str, Any]:
        """Of a name that is a mail address only what stands before the @: it would hide somebody's address."""
        fields: dict[str, Any] = super().extract_common_fields(kept_claims(data))
        texts = {name: value for name, value in fields.items() if isinstance(value, str)}
        claims = merged(kept_claims(data))
        mail = verified_mail(claims)
        name = texts.get("username") or mail
        return {**texts, "username": name.partition("@")[0], "email": mail}

    def extract_email_addresses(self, data: dict[str, Any]) -> list[EmailAddress]:
        mail = verified_mail(merged(kept_claims(data)))
        return [EmailAddress(email=mail, verified=True, primary=True)] if mail else []


class PortalSocialAccountAdapter(DefaultSocialAccountAdapter):
    def on_authentication_error(self, request: HttpRequest, provider: Any, **kwargs: Any) -> None:
        refuse("sign_on_cancelled" if kwargs.get("error") == "cancelled" else "sign_on_failed")

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Who may come in, and which account they are. Raises ImmediateHttpResponse for who may not."""
        answer = sociallogin.account.extra_data
        check_answer(answer, nonce=str(sociallogin.state.get("nonce", "")))
        claims = merged(answer)
        check_domain(claims)
        if not sociallogin.is_existing and (account := account_to_link(claims)):
            sociallogin.connect(request, account)
        if sociallogin.is_existing:
            apply_claims(user=sociallogin.user, claims=claims)

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        mail = verified_mail(merged(sociallogin.account.extra_data))
        if not settings.OIDC_CREATE_ACCOUNTS and invitation_for(mail, now=timezone.now()) is None:
            refuse("sign_on_no_account")
        return True

    def save_user(self, request: HttpRequest, sociallogin: SocialLogin, form: Any = None) -> User:
        """The new account. An invitation of its verified address is accepted with it."""
        now, claims = timezone.now(), merged(sociallogin.account.extra_data)
        with transaction.atomic():
            user: User = super().save_user(request, sociallogin, form)
            # The address is in the person's own row, where an admin can change it. Another copy would be found by
            # whoever asks for a new password.
            EmailAddress.objects.filter(user=user).delete()
            if invitation := invitation_for(verified_mail(claims), now=now):
                accept_invitation(invitation, user=user, now=now)
            apply_claims(user=user, claims=claims)
        return user


def check_answer(answer: Mapping[str, Any], *, nonce: str) -> None:
    """The ID token answers this request, and the user info is of the same person.

    Source: OpenID Connect Core 1.0, 3.1.3.7 and 5.3.2. Raises ImmediateHttpResponse.
    """
    token, info = answer.get("id_token", {}), answer.get("userinfo", {})
    if not nonce or not secrets.compare_digest(str(token.get("nonce", "")).encode(), nonce.encode()):
        refuse("sign_on_failed")
    if info and info.get("sub") != token.get("sub"):
        refuse("sign_on_failed")


def check_domain(claims: Mapping[str, Any]) -> None:
    """Raises ImmediateHttpResponse for an address outside OIDC_MAIL_DOMAINS, where there are any."""
    domains = settings.OIDC_MAIL_DOMAINS
    if domains and verified_mail(claims).rpartition("@")[2] not in domains:
        refuse("sign_on_mail_domain")


def account_to_link(claims: Mapping[str, Any]) -> User | None:
    """The account with the claimed address; None: nobody has it.

    Raises ImmediateHttpResponse where the address does not prove whose account it is: it is not verified, two
    people share it, the account is a superuser's, or another person of the provider has it.
    """
    claimed = claims.get("email")
    accounts = (
        list(User.objects.filter(email__iexact=claimed)[:2]) if isinstance(claimed, str) and claimed else []
    )
    if not accounts:
        return None
    if not verified_mail(claims):
        refuse("sign_on_mail_unverified")
    account = accounts[0]
    is_taken = SocialAccount.objects.filter(user=account).exists()
    if len(accounts) > 1 or account.is_superuser or is_taken:
        refuse("sign_on_account_taken")
    return account
