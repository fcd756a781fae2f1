"""Addresses for recipients: the link itself, and what it opened. Neither needs an account."""

from django.urls import path

from sharing.views import recipient, sender

urlpatterns = [
    path("s/<str:token>", recipient.link, name="share_link"),
    path("r/<str:token>", sender.request_page, name="upload_request"),
    path("r/<str:token>/<path:name>", sender.send_file, name="send_file"),
    path("shared/", recipient.shared, name="shared"),
    # No object's path ends in a slash.
    path("shared/<uuid:link_id>/archive/", recipient.archive, name="shared_archive"),
    path("shared/<uuid:link_id>/receipt/", recipient.receipt, name="shared_receipt"),
    path("shared/<path:path>", recipient.shared_object, name="shared_object"),
]
