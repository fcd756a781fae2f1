"""Addresses of exports, below an environment."""

from django.urls import path

from exports import views

app_name = "exports"
urlpatterns = [
    path("your-data/", views.own, name="own"),
    path("your-data/progress", views.own_progress, name="own_progress"),
    path("your-data/file", views.own_file, name="own_file"),
    path("your-data/remove", views.own_remove, name="own_remove"),
    path("export/", views.whole, name="whole"),
    path("export/progress", views.whole_progress, name="whole_progress"),
    path("export/file", views.whole_file, name="whole_file"),
    path("export/remove", views.whole_remove, name="whole_remove"),
]
