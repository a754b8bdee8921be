"""Addresses of signing in and out, and of one's own account. Names are those that allauth looks for."""

from allauth.account import views as account
from allauth.mfa.base import views as second_factor
from allauth.mfa.recovery_codes import views as recovery_codes
from allauth.mfa.totp import views as totp
from allauth.mfa.webauthn import views as passkeys
from django.contrib.auth.views import LogoutView
from django.urls import path, re_path
from django.views.generic import RedirectView

from people.single_sign_on.provider import PROVIDER_ID
from people.views.account import (
    PasskeySignInView,
    ResetRequestView,
    SecondFactorView,
    SessionsView,
    needs_local_sign_in,
    show_account,
)
from people.views.invitations import show_invitation
from people.views.refusals import counted
from people.views.sign_on import begin_sign_on, end_sign_on
from people.views.signing_in import SignInView, admin_sign_in

sign_in = SignInView.as_view()
# allauth knows several providers; the portal has one.
PROVIDER = {"provider_id": PROVIDER_ID}

urlpatterns = [
    path("login/", sign_in, name="login"),
    # allauth looks for the same page by this name.
    path("login/", sign_in, name="account_login"),
    path("login/passkey/", counted(PasskeySignInView.as_view()), name="mfa_login_webauthn"),
    path("login/second-factor/", counted(second_factor.authenticate), name="mfa_authenticate"),
    path("login/sso/", counted(begin_sign_on), PROVIDER, name="sign_on"),
    path("login/sso/callback/", counted(end_sign_on), PROVIDER, name="openid_connect_callback"),
    path("login/closed/", account.account_inactive, name="account_inactive"),
    path("logout/", LogoutView.as_view(next_page="login"), name="logout"),
    # Before the admin's own forms, which have no limit.
    path("admin/login/", admin_sign_in, name="admin-sign-in"),
    path("admin/password_change/", RedirectView.as_view(pattern_name="account_change_password")),
    path("invitations/<str:token>/", counted(show_invitation), name="invitation"),
    path("password/reset/", counted(ResetRequestView.as_view()), name="account_reset_password"),
    path("password/reset/sent/", account.password_reset_done, name="account_reset_password_done"),
    re_path(
        r"^password/reset/(?P<uidb36>[0-9A-Za-z]{1,13})-(?P<key>[0-9A-Za-z-]{1,120})/$",
        counted(account.password_reset_from_key),
        name="account_reset_password_from_key",
    ),
    path(
        "password/reset/done/",
        account.password_reset_from_key_done,
        name="account_reset_password_from_key_done",
    ),
    path("account/", show_account, name="account"),
    path(
        "account/password/",
        counted(needs_local_sign_in(account.password_change)),
        name="account_change_password",
    ),
    path(
        "account/password/set/",
        counted(needs_local_sign_in(account.password_set)),
        name="account_set_password",
    ),
    path("account/confirm/", counted(account.reauthenticate), name="account_reauthenticate"),
    path("account/confirm/code/", counted(second_factor.reauthenticate), name="mfa_reauthenticate"),
    path(
        "account/confirm/passkey/",
        counted(passkeys.reauthenticate_webauthn),
        name="mfa_reauthenticate_webauthn",
    ),
    path("account/sessions/", SessionsView.as_view(), name="usersessions_list"),
    path("account/second-factor/", SecondFactorView.as_view(), name="mfa_index"),
    path("account/second-factor/app/", counted(totp.activate_totp), name="mfa_activate_totp"),
    path("account/second-factor/app/remove/", counted(totp.deactivate_totp), name="mfa_deactivate_totp"),
    path("account/second-factor/codes/", recovery_codes.view_recovery_codes, name="mfa_view_recovery_codes"),
    path(
        "account/second-factor/codes/new/",
        recovery_codes.generate_recovery_codes,
        name="mfa_generate_recovery_codes",
    ),
    # Where allauth goes after a change: passkeys are listed with the other second factors.
    path(
        "account/second-factor/passkeys/",
        RedirectView.as_view(pattern_name="mfa_index"),
        name="mfa_list_webauthn",
    ),
    path("account/second-factor/passkeys/add/", counted(passkeys.add_webauthn), name="mfa_add_webauthn"),
    path(
        "account/second-factor/passkeys/<int:pk>/remove/",
        passkeys.remove_webauthn,
        name="mfa_remove_webauthn",
    ),
    path("account/second-factor/passkeys/<int:pk>/", passkeys.edit_webauthn, name="mfa_edit_webauthn"),
]
