"""Addresses of signing in by other providers, and where faults are reported.

Providers know `…/login/callback/`, so it never changes.
"""

from django.urls import path

from tenants.views import providers, security

urlpatterns = [
    path("account/<slug:name>/login/", providers.sign_in, name="provider_login"),
    path("account/<slug:name>/login/callback/", providers.callback, name="provider_callback"),
    path("account/<slug:name>/connect/", providers.connect, name="provider_connect"),
    # Before allauth's own of the same name: it asks for a proof here.
    path("account/3rdparty/", providers.connected_accounts, name="socialaccount_connections"),
    path(".well-known/security.txt", security.security_txt, name="security_txt"),
]
