"""Addresses of webhooks in the portal, below an environment."""

from django.urls import path

from webhooks import views

app_name = "webhooks"
urlpatterns = [
    path("", views.endpoint_list, name="list"),
    path("new", views.new_endpoint, name="new"),
    path("<uuid:id>", views.endpoint, name="endpoint"),
    path("<uuid:id>/change", views.change_endpoint, name="change"),
    path("<uuid:id>/secret", views.rotate_secret, name="rotate"),
    path("<uuid:id>/test", views.send_test, name="test"),
    path("<uuid:id>/enable", views.enable, name="enable"),
    path("<uuid:id>/disable", views.disable, name="disable"),
    path("<uuid:id>/remove", views.remove_endpoint, name="remove"),
    path("<uuid:id>/replay", views.replay_range, name="replay_range"),
    path("<uuid:id>/replay/progress", views.replay_progress, name="replay_progress"),
    path("<uuid:id>/deliveries/<uuid:delivery_id>", views.delivery, name="delivery"),
    path("<uuid:id>/deliveries/<uuid:delivery_id>/attempts", views.attempts, name="attempts"),
    path("<uuid:id>/deliveries/<uuid:delivery_id>/body", views.body, name="body"),
    path("<uuid:id>/deliveries/<uuid:delivery_id>/replay", views.replay, name="replay"),
]
