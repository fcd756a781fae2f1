"""Addresses of links in the portal, below /o/…/shares/."""

from django.urls import path

from sharing.views import portal, requests, rules

app_name = "sharing"
urlpatterns = [
    path("", portal.share_list, name="list"),
    path("new", portal.new_share, name="new"),
    path("requests", requests.request_list, name="requests"),
    path("requests/new", requests.new_request, name="new_request"),
    path("requests/<uuid:id>", requests.request_life, name="request"),
    path("requests/<uuid:id>/close", requests.close, name="close_request"),
    path("rules", rules.rules, name="rules"),
    path("rules/change", rules.change, name="change_rule"),
    path("<uuid:id>", portal.share, name="share"),
    path("<uuid:id>/receipt", portal.receipt, name="receipt"),
    path("<uuid:id>/revoke", portal.revoke, name="revoke"),
]
