"""Addresses of how people come in, below /o/…/directory/."""

from django.urls import path

from directory.views import domains, scim, sso

app_name = "directory"
urlpatterns = [
    path("sso/", sso.sso, name="sso"),
    path("sso/new", sso.new_connection, name="new_connection"),
    path("sso/<uuid:id>", sso.connection, name="connection"),
    path("sso/<uuid:id>/remove", sso.remove_connection, name="remove_connection"),
    path("sso/domains/", domains.domains, name="domains"),
    path("sso/domains/<uuid:id>", domains.domain, name="domain"),
    path("sso/domains/<uuid:id>/remove", domains.remove_domain, name="remove_domain"),
    path("scim/", scim.scim, name="scim"),
    path("scim/token", scim.scim_token, name="scim_token"),
    path("scim/tokens/<uuid:id>/revoke", scim.scim_revoke, name="scim_revoke"),
]
