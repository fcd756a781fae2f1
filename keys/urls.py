"""Addresses of keys, below an environment."""

from django.urls import path

from keys import views

app_name = "keys"
urlpatterns = [
    path("", views.key_list, name="list"),
    path("progress", views.rotation_progress, name="progress"),
    path("rotate", views.rotate, name="rotate"),
    path("rotations/<uuid:id>/pause", views.pause, name="pause"),
    path("rotations/<uuid:id>/resume", views.resume, name="resume"),
    path("rotations/<uuid:id>/abandon", views.abandon, name="abandon"),
    path("bring", views.bring, name="bring"),
    path("give-back", views.give_back, name="give_back"),
    path("<uuid:id>/destroy", views.destroy, name="destroy"),
    path("destructions/<uuid:id>", views.destruction, name="destruction"),
    path("destructions/<uuid:id>/cancel", views.cancel, name="cancel"),
    path("statements/<uuid:id>", views.statement, name="statement"),
    path("statements/<uuid:id>/check", views.check, name="check"),
    path("data-map", views.data_map, name="data_map"),
]
