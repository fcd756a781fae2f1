"""What is done to streams."""

from streams.actions.positions import replay_stream
from streams.actions.sending import SEND, send_stream
from streams.actions.streams import (
    Made,
    change_stream,
    create_stream,
    pause_stream,
    remove_stream,
    resume_stream,
)
from streams.actions.testing import TEST, send_test, test_stream

__all__ = [
    "SEND",
    "TEST",
    "Made",
    "change_stream",
    "create_stream",
    "pause_stream",
    "remove_stream",
    "replay_stream",
    "resume_stream",
    "send_stream",
    "send_test",
    "test_stream",
]
