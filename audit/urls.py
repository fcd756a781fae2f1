"""Addresses of the trail."""

from django.urls import path

from audit import views

urlpatterns = [
    path("o/<slug:org_slug>/<env:env_name>/audit/", views.explorer, name="audit"),
    path("o/<slug:org_slug>/<env:env_name>/audit/verify", views.verify, name="verify_chain"),
    path("o/<slug:org_slug>/<env:env_name>/audit/<int:index>", views.event, name="audit_event"),
]
