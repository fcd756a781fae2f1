"""Addresses of files in the portal, below /o/…/files/."""

from django.urls import path

from vault import views

app_name = "vault"
urlpatterns = [
    path("", views.browse, name="browse"),
    path("row", views.row, name="row"),
    path("versions", views.versions, name="versions"),
    path("deleted", views.deleted, name="deleted"),
    path("upload", views.upload, name="upload"),
    path("chosen", views.chosen, name="chosen"),
    path("restore", views.restore, name="restore"),
    path("objects/<path:path>", views.stored_object, name="object"),
]
