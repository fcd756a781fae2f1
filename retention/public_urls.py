"""Addresses of a person's own."""

from django.urls import path

from retention import views

urlpatterns = [
    path("me/erase", views.erase_account, name="erase_account"),
    path("me/erase/cancel", views.cancel_own, name="cancel_own_erasure"),
]
