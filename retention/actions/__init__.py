"""Verbs on retention, holds and erasures."""

from retention.actions.attention import find_work
from retention.actions.erase import erase
from retention.actions.erasure import (
    LONGEST_WAIT_DAYS,
    SHORTEST_WAIT_DAYS,
    AlreadyAsked,
    Held,
    NotOpen,
    SecondOwner,
    TooLate,
    TooNew,
    WaitOutOfBounds,
    approve_erasure,
    cancel_erasure,
    look_ahead,
    request_erasure,
)
from retention.actions.holds import Lifted, NotAPath, lift_hold, place_hold
from retention.actions.mails import send_certificate, send_person_certificate
from retention.actions.people import (
    SoleOwner,
    Yourself,
    cancel_member_erasure,
    cancel_own_erasure,
    erase_person,
    look_ahead_at,
    request_member_erasure,
    request_own_erasure,
)
from retention.actions.periods import FixedPeriod, OutOfBounds, change_period, enforce

__all__ = [
    "LONGEST_WAIT_DAYS",
    "SHORTEST_WAIT_DAYS",
    "AlreadyAsked",
    "FixedPeriod",
    "Held",
    "Lifted",
    "NotAPath",
    "NotOpen",
    "OutOfBounds",
    "SecondOwner",
    "SoleOwner",
    "TooLate",
    "TooNew",
    "WaitOutOfBounds",
    "Yourself",
    "approve_erasure",
    "cancel_erasure",
    "cancel_member_erasure",
    "cancel_own_erasure",
    "change_period",
    "enforce",
    "erase",
    "erase_person",
    "find_work",
    "lift_hold",
    "look_ahead",
    "look_ahead_at",
    "place_hold",
    "request_erasure",
    "request_member_erasure",
    "request_own_erasure",
    "send_certificate",
    "send_person_certificate",
]
