"""Addresses of the platform operator's rooms."""

from django.urls import path

from console.views import access, jobs, organizations, trail

app_name = "console"
ORGANIZATION = "organizations/<uuid:organization_id>"
ACCESS = "access/<uuid:request_id>"
urlpatterns = [
    path("", organizations.home, name="home"),
    path("organizations", organizations.organizations, name="organizations"),
    path("organizations/new", organizations.new, name="new_organization"),
    path(ORGANIZATION, organizations.organization, name="organization"),
    path(f"{ORGANIZATION}/suspend", organizations.suspend, name="suspend"),
    path(f"{ORGANIZATION}/resume", organizations.resume, name="resume"),
    path(f"{ORGANIZATION}/close", organizations.close, name="close"),
    path(f"{ORGANIZATION}/reopen", organizations.reopen, name="reopen"),
    path(f"{ORGANIZATION}/access", access.ask, name="ask_access"),
    path("access", access.requests, name="access"),
    path(ACCESS, access.request_page, name="access_request"),
    path(f"{ACCESS}/approve", access.approve, name="approve_access"),
    path(f"{ACCESS}/refuse", access.refuse, name="refuse_access"),
    path(f"{ACCESS}/start", access.start, name="start_access"),
    path(f"{ACCESS}/end", access.end, name="end_access"),
    path("jobs", jobs.jobs, name="jobs"),
    path("jobs/<uuid:job_id>", jobs.job, name="job"),
    path("jobs/<uuid:job_id>/retry", jobs.retry, name="retry_job"),
    path("jobs/<uuid:job_id>/discard", jobs.discard, name="discard_job"),
    path("trail", trail.trail, name="trail"),
    path("trail/verify", trail.verify, name="verify_trail"),
    path("trail/<int:index>", trail.event, name="trail_event"),
]
