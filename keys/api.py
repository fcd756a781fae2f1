"""Encryption keys and classes of data over /v1."""

from typing import Any

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from hq.web.api import Endpoint
from keys import selectors
from keys.serializers import DataMapBody, data_map_body


class DataMap(Endpoint):
    """What HQ stores, field by field (VLT-12)."""

    @extend_schema(operation_id="get_data_map", responses=DataMapBody)
    def get(self, request: Request, **_: Any) -> Response:
        """Every stored field with its class and what follows from that. It describes; it holds no stored value."""
        return Response(data_map_body(selectors.get_data_map(self.actor)))


environment_routes = [path("data-map", DataMap.as_view())]
