"""Sending somebody on to another site."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def leave_for(request: HttpRequest, url: str, name: str) -> HttpResponse:
    """A page that goes on by itself.

    Not a redirect: browsers hold the page with the form to its `form-action` also on the way after, so that an answer
    of 302 to another site would go nowhere, without a word.
    """
    return render(request, "leaving.html", {"url": url, "name": name})
