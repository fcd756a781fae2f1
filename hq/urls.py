"""The only place that assembles everything."""

from django.conf import settings
from django.urls import URLPattern, URLResolver, include, path, register_converter
from django.urls.converters import StringConverter
from django.views.generic import TemplateView

from artifacts import api as artifacts_api
from audit import api as audit_api
from directory import api as directory_api
from evidence import api as evidence_api
from hq.web import docs, problems
from jobs import api as jobs_api
from keys import api as keys_api
from sharing import api as sharing_api
from signing import api as signing_api
from streams import api as streams_api
from tenants import api as tenants_api
from vault import api as vault_api
from vault.s3_api import door as s3_door
from webhooks import api as webhooks_api
from workloads import api as workloads_api


class EnvironmentName(StringConverter):
    """`live` or `test`; anything else is no address."""

    regex = "live|test"


register_converter(EnvironmentName, "env")

Addresses = list[URLPattern | URLResolver]

environment: Addresses = [
    *vault_api.routes,
    *sharing_api.environment_routes,
    *artifacts_api.routes,
    *signing_api.routes,
    *keys_api.environment_routes,
    *tenants_api.environment_routes,
    *workloads_api.environment_routes,
    *webhooks_api.environment_routes,
    *audit_api.routes,
    *streams_api.routes,
    *evidence_api.routes,
    path("jobs/<uuid:job_id>", jobs_api.JobEndpoint.as_view()),
]

organization: Addresses = [
    *tenants_api.organization_routes,
]

v1: Addresses = [
    path("me", tenants_api.WhoAmI.as_view()),
    *tenants_api.place_routes,
    path("environments/<uuid:environment_id>/", include(environment)),
    path("organizations/<uuid:organization_id>/", include(organization)),
    *vault_api.public_routes,
    *sharing_api.public_routes,
    *workloads_api.public_routes,
    path("openapi.json", docs.openapi, name="openapi"),
    path("docs", docs.documentation, name="docs"),
]

portal: Addresses = [
    path("", include("tenants.urls")),
    path("", include("overview.urls")),
    path("o/<slug:org_slug>/<env:env_name>/audit/streams/", include("streams.urls")),
    path("", include("evidence.urls")),
    path("o/<slug:org_slug>/<env:env_name>/files/", include("vault.urls")),
    path("o/<slug:org_slug>/<env:env_name>/shares/", include("sharing.urls")),
    path("o/<slug:org_slug>/<env:env_name>/artifacts/", include("artifacts.urls")),
    path("o/<slug:org_slug>/<env:env_name>/agreements/", include("signing.urls")),
    path("o/<slug:org_slug>/<env:env_name>/keys/", include("keys.urls")),
    path("o/<slug:org_slug>/<env:env_name>/directory/", include("directory.urls")),
    path("o/<slug:org_slug>/<env:env_name>/webhooks/", include("webhooks.urls")),
    path("o/<slug:org_slug>/<env:env_name>/workloads/", include("workloads.urls")),
    path("o/<slug:org_slug>/<env:env_name>/", include("exports.urls")),
    path("o/<slug:org_slug>/<env:env_name>/retention/", include("retention.urls")),
    path("operator/", include("console.urls")),
    path("", include("sharing.public_urls")),
    path("", include("signing.public_urls")),
    path("", include("signing.wellknown_urls")),
    path("", include("keys.public_urls")),
    path("", include("directory.public_urls")),
    path("", include("tenants.public_urls")),
    path("", include("exports.public_urls")),
    path("", include("retention.public_urls")),
    path("", include("evidence.public_urls")),
    path("account/", include("allauth.urls")),
]

urlpatterns: Addresses = [
    path("problems/", problems.problems, name="problems"),
    path("problems/<slug:code>", problems.problem, name="problem"),
    path("v1/", include(v1)),
    path("scim/v2/<uuid:organization_id>/", include(directory_api.scim_routes)),
    *s3_door.routes,
    *portal,
]

if not settings.PRODUCTION:
    urlpatterns.append(path("components", TemplateView.as_view(template_name="components.html"), name="components"))

handler400 = "hq.web.errors.handler400"
handler403 = "hq.web.errors.handler403"
handler404 = "hq.web.errors.handler404"
handler500 = "hq.web.errors.handler500"
