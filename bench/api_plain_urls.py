"""One view with one SELECT: bare, behind djangorestframework-api-key, and behind HQ's check of a key."""

from typing import Any, ClassVar

from django.db import models
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework_api_key.permissions import HasAPIKey

from hq.web.request import origin
from tenants.actions import authenticate_api_key, note_key_use


class Thing(models.Model):
    """One row as an object's metadata is. Its table is made by `bench.api_data`."""

    path = models.TextField(unique=True)
    version = models.PositiveIntegerField()
    size = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)
    content_type = models.CharField(max_length=255)
    created_at = models.DateTimeField()

    objects: ClassVar = models.Manager()

    class Meta:
        app_label = "bench"
        db_table = "bench_thing"
        managed = False

    def __str__(self) -> str:
        return self.path


def _metadata(request: HttpRequest | Request) -> dict[str, Any]:
    thing = Thing.objects.get(path=request.GET["path"])
    return {
        "path": thing.path,
        "version": thing.version,
        "size": thing.size,
        "sha256": thing.sha256,
        "content_type": thing.content_type,
        "created_at": thing.created_at,
    }


def bare(request: HttpRequest) -> HttpResponse:
    return JsonResponse(_metadata(request))


class Metadata(APIView):
    def get(self, request: Request) -> Response:
        return Response(_metadata(request))


class HasOurKey(BasePermission):
    """HQ's check of a key and its count, and nothing else of HQ."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        _, _, secret = request.headers["Authorization"].partition(" ")
        caller = origin(request._request)  # noqa: SLF001 - DRF's own name for what it wraps
        note_key_use(authenticate_api_key(secret=secret, origin=caller))
        return True


urlpatterns = [
    path("bare", bare),
    path("peer", Metadata.as_view(permission_classes=(HasAPIKey,))),
    path("ours", Metadata.as_view(permission_classes=(HasOurKey,))),
]
