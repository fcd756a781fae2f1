"""Addresses of retention, below an environment."""

from django.urls import path

from retention import views

app_name = "retention"
urlpatterns = [
    path("", views.overview, name="overview"),
    path("change", views.change, name="change"),
    path("holds/", views.holds, name="holds"),
    path("holds/new", views.new_hold, name="new_hold"),
    path("holds/<uuid:id>/lift", views.lift_hold, name="lift_hold"),
    path("erasure", views.erasure, name="erasure"),
    path("erasure/<uuid:id>/approve", views.approve, name="approve"),
    path("erasure/<uuid:id>/cancel", views.cancel, name="cancel"),
    path("people/", views.people, name="people"),
    path("people/<uuid:id>/erase", views.erase_member, name="erase_member"),
    path("erasures/<uuid:id>/cancel", views.cancel_member, name="cancel_member"),
]
