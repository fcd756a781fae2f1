"""Addresses of exports outside of any organization."""

from django.urls import path

from exports import views

urlpatterns = [path("me/data", views.your_data, name="your_data")]
