"""Addresses of signing in by an organization's identity provider. The id of the connection is pasted there."""

from django.urls import path

from directory.views import sign_in

urlpatterns = [
    path("sso", sign_in.find, name="sso"),
    path("sso/<uuid:id>/", sign_in.start, name="sso_start"),
    path("sso/<uuid:id>/acs", sign_in.acs, name="sso_acs"),
    path("sso/<uuid:id>/finish", sign_in.finish, name="sso_finish"),
    path("sso/<uuid:id>/callback", sign_in.callback, name="sso_callback"),
    path("sso/<uuid:id>/metadata", sign_in.metadata, name="sso_metadata"),
]
