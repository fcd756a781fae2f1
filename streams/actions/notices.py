"""Mail about a stream whose target takes nothing: after a day of it, and when HQ pauses it."""

from hq.authz.actor import system_actor
from keys.registry import Notice, tenancy
from streams.models import Stream
from tenants import selectors as tenants


def tell_failing(stream: Stream) -> None:
    """Once for each time of failing."""
    _tell(
        stream,
        f"The stream {stream.name} has brought nothing for a day",
        f"For a day HQ could bring nothing to the target of the stream {stream.name}. {stream.said}",
        "HQ goes on trying every few minutes. Nothing is lost: the trail keeps it, and it is sent in order afterwards.",
    )


def tell_paused(stream: Stream) -> None:
    _tell(
        stream,
        f"The stream {stream.name} was paused",
        f"The target of the stream {stream.name} refuses what HQ sends, so HQ has paused it. {stream.said}",
        "Correct the target or the stream, then let it go on. It begins behind the last entry that arrived.",
    )


def _tell(stream: Stream, subject: str, *sentences: str) -> None:
    actor = system_actor(stream.organization_id, environment_id=stream.environment_id)
    notice = Notice(
        subject=subject,
        sentences=sentences,
        path=f"audit/streams/{stream.id}",
        environment=tenants.get_environment(actor).name,
    )
    tenancy().tell_keepers(stream.organization_id, notice)
