"""Reads of streams. Every one needs both rights: to look after what is sent elsewhere, and to read the trail."""

from streams.selectors.positions import Lag, lag_of, lengths_of, oldest_waiting
from streams.selectors.streams import (
    count_streams,
    get_stream,
    list_batches,
    list_positions,
    list_streams,
    lock_streams,
    require_both,
)

__all__ = [
    "Lag",
    "count_streams",
    "get_stream",
    "lag_of",
    "lengths_of",
    "list_batches",
    "list_positions",
    "list_streams",
    "lock_streams",
    "oldest_waiting",
    "require_both",
]
