"""Addresses of files in the portal, below /o/…/files/."""

from django.urls import path

from vault import views

app_name = "vault"
urlpatterns = [
    path("", views.browse, name="browse"),
    path("row", views.row, name="row"),
    path("versions", views.versions, name="versions"),
    path("deleted", views.deleted, name="deleted"),
    path("search", views.search, name="search"),
    path("preview", views.preview, name="preview"),
    path("diff", views.diff, name="diff"),
    path("credentials", views.credentials, name="credentials"),
    path("credentials/new", views.new_credentials, name="new_credentials"),
    path("credentials/<uuid:id>/revoke", views.revoke_credentials, name="revoke_credentials"),
    path("upload", views.upload, name="upload"),
    path("uploads", views.begin_upload, name="uploads"),
    path("uploads/parts", views.upload_parts, name="upload_parts"),
    path("uploads/state", views.upload_state, name="upload_state"),
    path("uploads/complete", views.complete_upload, name="complete_upload"),
    path("uploads/give-up", views.give_up_upload, name="give_up_upload"),
    path("chosen", views.chosen, name="chosen"),
    path("restore", views.restore, name="restore"),
    path("objects/<path:path>", views.stored_object, name="object"),
]
