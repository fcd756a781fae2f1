"""Addresses of workload trusts, below /o/…/workloads/."""

from django.urls import path

from workloads.views import changing, exchanges, trusts

app_name = "workloads"
urlpatterns = [
    path("", trusts.trusts, name="list"),
    path("new", changing.new_trust, name="new"),
    path("<uuid:id>", trusts.trust, name="trust"),
    path("<uuid:id>/change", changing.change_trust, name="change"),
    path("<uuid:id>/disable", changing.disable_trust, name="disable"),
    path("<uuid:id>/enable", changing.enable_trust, name="enable"),
    path("<uuid:id>/remove", changing.remove_trust, name="remove"),
    path("<uuid:id>/try", exchanges.try_token, name="try"),
    path("exchanges/<uuid:id>", exchanges.exchange, name="exchange"),
]
