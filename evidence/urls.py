"""Addresses of the trail's pages, below an environment."""

from django.urls import path

from evidence.views import event, explorer, exports, trail

_TRAIL = "o/<slug:org_slug>/<env:env_name>/audit/"

urlpatterns = [
    path(_TRAIL, explorer.explorer, name="audit"),
    path(f"{_TRAIL}<int:index>", event.event, name="audit_event"),
    path(f"{_TRAIL}<int:index>/proof", event.proof, name="event_proof"),
    path(f"{_TRAIL}requests/<uuid:id>", event.access, name="audit_request"),
    path(f"{_TRAIL}requests/<uuid:id>/proof", event.access_proof, name="request_proof"),
    path(f"{_TRAIL}verify", trail.verify, name="verify_chain"),
    path(f"{_TRAIL}checkpoint", trail.checkpoint, name="make_checkpoint"),
    path(f"{_TRAIL}views", trail.save_view, name="save_trail_view"),
    path(f"{_TRAIL}views/<uuid:id>/remove", trail.remove_view, name="remove_trail_view"),
    path(f"{_TRAIL}exports", exports.exports, name="trail_exports"),
    path(f"{_TRAIL}exports/progress", exports.progress, name="trail_exports_progress"),
    path(f"{_TRAIL}exports/<uuid:id>/file", exports.file, name="trail_export_file"),
    path(f"{_TRAIL}exports/<uuid:id>/remove", exports.remove, name="remove_trail_export"),
    path(f"{_TRAIL}witnesses", trail.ask_witness, name="ask_witness"),
    path(f"{_TRAIL}witnesses/<uuid:id>/remove", trail.remove_witness, name="remove_witness"),
]
