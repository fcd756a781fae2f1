"""Files found by what their names begin with. What is looked for stands in the address."""

from django.http import HttpResponse
from django.shortcuts import render

from hq.authz.permissions import Permission
from hq.web.portal import refuse_invalid
from hq.web.request import TenantRequest
from vault import selectors
from vault.forms import SearchForm
from vault.selectors import Found
from vault.views.files import PAGE, address


def search(request: TenantRequest, **where: str) -> HttpResponse:
    """A page of what was found, each with its folder."""
    form = SearchForm(request.GET)
    refuse_invalid(form)
    begins, folder = form.cleaned_data["q"], form.cleaned_data["folder"]
    cursor = request.GET.get("cursor", "")
    found = Found(())
    if begins:
        found = selectors.search_objects(request.actor, begins, folder=folder, after=cursor, limit=PAGE)
    else:
        selectors.reach_of(request.actor, Permission.OBJECTS_READ)
    query = {"q": begins, "folder": folder}
    context = {
        "q": begins,
        "folder": folder,
        "files": [
            (file, selectors.folder_of(file.path), address("browse", where, folder=selectors.folder_of(file.path)))
            for file in found.versions
        ],
        "older": address("search", where, **query, cursor=found.after) if found.after else "",
        "first": address("search", where, **query) if cursor else "",
        "everywhere": address("search", where, q=begins),
        "here": address("browse", where, folder=folder),
    }
    return render(request, "vault/search.html", context)
