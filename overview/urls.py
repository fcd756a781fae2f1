"""Addresses of the overview."""

from django.urls import path

from overview import views

urlpatterns = [path("o/<slug:org_slug>/<env:env_name>/", views.overview, name="overview")]
