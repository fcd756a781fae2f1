"""Portal pages of streams."""

from streams.views.forms import change_stream, new_stream, remove_stream
from streams.views.streams import pause, replay, resume, stream, stream_list, test

__all__ = [
    "change_stream",
    "new_stream",
    "pause",
    "remove_stream",
    "replay",
    "resume",
    "stream",
    "stream_list",
    "test",
]
