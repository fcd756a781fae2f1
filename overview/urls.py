"""Addresses of the overview."""

from django.urls import path

from overview.views import integrity, overview

urlpatterns = [
    path("o/<slug:org_slug>/<env:env_name>/", overview.overview, name="overview"),
    path("o/<slug:org_slug>/<env:env_name>/integrity/", integrity.integrity, name="integrity"),
    path("o/<slug:org_slug>/<env:env_name>/integrity/archive", integrity.archive, name="archive_trail"),
]
