"""Addresses of how people come in, below /o/…/directory/."""

from django.urls import path

from directory.views import scim

app_name = "directory"
urlpatterns = [
    path("scim/", scim.scim, name="scim"),
    path("scim/token", scim.scim_token, name="scim_token"),
    path("scim/tokens/<uuid:id>/revoke", scim.scim_revoke, name="scim_revoke"),
]
