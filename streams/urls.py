"""Addresses of streams in the portal, below the trail of an environment."""

from django.urls import path

from streams import views

app_name = "streams"
urlpatterns = [
    path("", views.stream_list, name="list"),
    path("new", views.new_stream, name="new"),
    path("new/<slug:kind>", views.new_stream, name="new_of"),
    path("<uuid:id>", views.stream, name="stream"),
    path("<uuid:id>/change", views.change_stream, name="change"),
    path("<uuid:id>/pause", views.pause, name="pause"),
    path("<uuid:id>/resume", views.resume, name="resume"),
    path("<uuid:id>/test", views.test, name="test"),
    path("<uuid:id>/replay", views.replay, name="replay"),
    path("<uuid:id>/remove", views.remove_stream, name="remove"),
]
