"""GET …/jobs/{id}."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from hq.web.api import Endpoint
from jobs import selectors
from jobs.serializers import JobShape, shape


class JobEndpoint(Endpoint):
    """Progress of anything slow."""

    @extend_schema(operation_id="get_job", responses=JobShape)
    def get(self, _request: Request, job_id: UUID, **_: Any) -> Response:
        """A job's state and progress."""
        return Response(shape(selectors.get_job(self.actor, job_id)))
