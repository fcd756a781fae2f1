"""What HQ says that it can do, how it reads what it is sent, and how a refusal looks."""

import logging
from typing import Any, cast

from django.db import OperationalError
from pydantic_core import to_json
from scim2_models import (
    AuthenticationScheme,
    Bulk,
    ChangePassword,
    Context,
    EnterpriseUser,
    Error,
    ETag,
    Filter,
    Group,
    InvalidFilterException,
    Patch,
    Resource,
    ResourceType,
    ScimPolicy,
    ScimProvider,
    SearchRequest,
    ServiceProviderConfig,
    Sort,
    User,
)
from scim2_server.service import ScimService

from directory.scim.reading import check, mended
from hq.lib.errors import Invalid, Problem, Unavailable

log = logging.getLogger("directory.scim")
MOST_BYTES = 1024 * 1024
BULK_MOST, PAGE_MOST, FILTER_MOST = 100, 200, 4_000

_CONFIG = ServiceProviderConfig(
    patch=Patch(supported=True),
    bulk=Bulk(supported=True, max_operations=BULK_MOST, max_payload_size=MOST_BYTES),
    filter=Filter(supported=True, max_results=PAGE_MOST),
    change_password=ChangePassword(supported=False),
    sort=Sort(supported=True),
    etag=ETag(supported=True),
    authentication_schemes=[
        AuthenticationScheme(
            type=AuthenticationScheme.Type.oauthbearertoken,
            name="Bearer token",
            description="A token of the directory, made in HQ under Directory sync.",
            primary=True,
        )
    ],
)
# What Microsoft Entra ID and Okta send beside the specification: attributes of their own, a value beside a removal, and
# a replacement of what is not there yet. None of it can be mistaken for anything else.
_POLICY = ScimPolicy(
    unknown=ScimPolicy.Unknown.ignore,
    remove_value_as_filter=ScimPolicy.RemoveValue.apply,
    unmatched_path_filter=ScimPolicy.UnmatchedPathFilter.create,
)
provider = ScimProvider(
    models=[User, EnterpriseUser, Group],
    resource_types=[ResourceType.from_resource(User[EnterpriseUser]), ResourceType.from_resource(Group)],
    config=_CONFIG,
    policy=_POLICY,
)


class Service(ScimService):
    """The protocol as the library keeps it, with bounds on what is read and HQ's refusals in SCIM's own shape."""

    def read_body(self, model: Any, body: bytes, content_type: str | None, scim_ctx: Context) -> Any:
        payload = self.decode_body(body, content_type)
        check(payload)
        return super().read_body(model, to_json(mended(payload)), content_type, scim_ctx)

    def read_search(self, resource_types: list[ResourceType], payload: Any) -> tuple[SearchRequest[Any], Any]:
        check(payload)
        texts = [value for value in payload.values() if isinstance(value, str)] if isinstance(payload, dict) else []
        if any(len(text) > FILTER_MOST for text in texts):
            raise InvalidFilterException(detail=f"A filter has at most {FILTER_MOST} characters")
        return super().read_search(resource_types, payload)

    def bulk_failure(self, outcome: dict[str, Any], exception: Exception) -> dict[str, Any]:
        note_fault(exception)
        return super().bulk_failure(outcome, exception)

    @staticmethod
    def error_of(exception: Exception) -> Error:
        if isinstance(exception, OperationalError):
            exception = Unavailable()
        if isinstance(exception, Problem):
            kind = "invalidValue" if isinstance(exception, Invalid) else None
            return Error(status=exception.status, scim_type=kind, detail=str(exception))
        return ScimService.error_of(exception)


service = Service(provider)


def model_of(resource_type: ResourceType) -> type[Resource[Any]]:
    return cast("type[Resource[Any]]", provider.model_for(resource_type))


def note_fault(exception: Exception) -> None:
    """A fault of ours goes to the log with its traceback: the answer says nothing of it."""
    if service.error_of(exception).status == 500:
        log.error("a request of a directory failed", exc_info=exception)
