"""Reads of retention, holds and erasures."""

from retention.selectors.classes import ChosenPeriods, Line, kept_with, list_classes
from retention.selectors.erasures import (
    find_erasure,
    find_own_erasure,
    get_erasure,
    get_person_erasure,
    list_person_erasures,
    waiting_erasure,
)
from retention.selectors.holds import get_hold, list_holds, standing_prefixes
from retention.selectors.tables import count_rows, deletable_tables, doomed_tables, surviving_tables, titles

__all__ = [
    "ChosenPeriods",
    "Line",
    "count_rows",
    "deletable_tables",
    "doomed_tables",
    "find_erasure",
    "find_own_erasure",
    "get_erasure",
    "get_hold",
    "get_person_erasure",
    "kept_with",
    "list_classes",
    "list_holds",
    "list_person_erasures",
    "standing_prefixes",
    "surviving_tables",
    "titles",
    "waiting_erasure",
]
