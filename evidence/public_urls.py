"""Addresses of logs for anybody who knows their names, of the witness, and of what its mails lead to."""

from django.urls import path, register_converter
from django.urls.converters import StringConverter

from audit.tags import Log
from evidence.views import public, verify


class LogName(StringConverter):
    """`admin` or `access`; anything else is no address."""

    regex = "|".join(Log)


class OriginHash(StringConverter):
    """SHA-256 in lower-case hex."""

    regex = "[0-9a-f]{64}"


register_converter(LogName, "log")
register_converter(OriginHash, "sha256")

urlpatterns = [
    path("logs/<uuid:environment_id>/<log:log>/checkpoint", public.checkpoint, name="published_checkpoint"),
    path("witness/add-checkpoint", public.submit, name="add_checkpoint"),
    path("witness/<sha256:origin_hash>/checkpoint", public.witnessed, name="witnessed_checkpoint"),
    path("verify", verify.verify, name="verify"),
    path("verify/program", verify.program, name="verify_program"),
    path("witnesses/mail/<str:token>", public.mail_witness, name="mail_witness"),
]
