"""Addresses of keys, below an environment."""

from django.urls import path

from keys import views

app_name = "keys"
urlpatterns = [
    path("", views.key_list, name="list"),
    path("data-map", views.data_map, name="data_map"),
]
