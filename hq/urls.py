"""The only place that assembles everything."""

from django.urls import path, register_converter
from django.urls.converters import StringConverter

from audit import api as audit_api
from jobs import api as jobs_api
from tenants import api as tenants_api
from vault import api as vault_api


class EnvironmentName(StringConverter):
    """`live` or `test`; anything else is no address."""

    regex = "live|test"


register_converter(EnvironmentName, "env")

environment_routes = [
    path("objects", vault_api.Objects.as_view()),
    path("audit/events", audit_api.Events.as_view()),
    path("audit/admin/verify-chain", audit_api.VerifyChain.as_view()),
    path("api-keys", tenants_api.ApiKeys.as_view()),
    path("api-keys/<uuid:id>", tenants_api.ApiKeyItem.as_view()),
    path("jobs/<uuid:job_id>", jobs_api.JobEndpoint.as_view()),
]
