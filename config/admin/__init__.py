"""The admin of what signing in is made of: people, groups, sessions, invitations."""

# These modules register what is unregistered below.
import allauth.account.admin
import allauth.mfa.admin
import allauth.socialaccount.admin
import allauth.usersessions.admin  # noqa: F401  (registers it)
import django.contrib.auth.admin  # noqa: F401  (registers it)
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from allauth.usersessions.models import UserSession
from django.contrib import admin
from django.contrib.auth.models import Group, User

# These admin classes do not have the look of the others. What second factors and providers leave in tables is shown
# with the person.
for model in (User, Group, EmailAddress, Authenticator, SocialAccount, SocialApp, SocialToken, UserSession):
    admin.site.unregister(model)

from config.admin import accounts, invitations, sessions  # noqa: E402, F401  (they register anew)
from config.audit import admin as audit_admin  # noqa: E402, F401  (registers it)
