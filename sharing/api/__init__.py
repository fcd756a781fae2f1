"""Share links, upload requests and sharing rules over /v1."""

from django.urls import path

from sharing.api.links import Redeem, SharedObject, SharedObjects, ShareItem, Shares
from sharing.api.requests import SharingRules, UploadRequestItem, UploadRequests

environment_routes = [
    path("shares", Shares.as_view()),
    path("shares/<uuid:id>", ShareItem.as_view()),
    path("sharing-rules", SharingRules.as_view()),
    path("upload-requests", UploadRequests.as_view()),
    path("upload-requests/<uuid:id>", UploadRequestItem.as_view()),
]

public_routes = [
    path("shares/redeem", Redeem.as_view()),
    path("shared/objects", SharedObjects.as_view()),
    path("shared/objects/<path:path>", SharedObject.as_view()),
]
