"""Addresses of the platform operator's rooms."""

from django.urls import path

from console import views

app_name = "console"
urlpatterns = [
    path("jobs", views.jobs, name="jobs"),
    path("jobs/<uuid:job_id>", views.job, name="job"),
    path("jobs/<uuid:job_id>/retry", views.retry, name="retry_job"),
    path("jobs/<uuid:job_id>/discard", views.discard, name="discard_job"),
]
