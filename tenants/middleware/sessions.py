"""What a session does for a person beside letting them in. Who comes over /v1 has none."""

import zoneinfo
from collections.abc import Callable
from time import time

from allauth.usersessions.models import UserSession
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from hq.web.errors import is_api

GetResponse = Callable[[HttpRequest], HttpResponse]
ACTIVE, UNUSED = "hq.active", "hq.unused"


class SessionActivity:
    """Keeps when and from where a session was last used, for the session list; once a minute is often enough."""

    every = 60

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if is_api(request):
            return self.get_response(request)
        before = request.session.session_key
        if request.user.is_authenticated and request.session.session_key:
            if request.session.session_key != before:  # Django renews it with the secret that signs it (ACC-7)
                UserSession.objects.filter(session_key=before).update(session_key=request.session.session_key)
            noted = request.session.get(ACTIVE, 0)
            request.seen_at = noted  # type: ignore[attr-defined]  # before this request
            if not noted <= (at := int(time())) < noted + self.every:
                UserSession.objects.create_from_request(request)
                request.session[ACTIVE] = at
                if noted:  # a page of no organization must not hide from one how long nobody was here
                    request.session[UNUSED] = max(at - noted, request.session.get(UNUSED, 0))
        return self.get_response(request)


class PersonPreferences:
    """Times in the person's zone."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if is_api(request):
            return self.get_response(request)
        zone = getattr(request.user, "time_zone", "UTC")
        try:
            timezone.activate(zoneinfo.ZoneInfo(zone))
        except (zoneinfo.ZoneInfoNotFoundError, ValueError):
            timezone.activate(zoneinfo.ZoneInfo("UTC"))
        try:
            return self.get_response(request)
        finally:
            timezone.deactivate()
