"""Verbs on keys."""

from keys.actions.destruction import (
    AlreadyAsked,
    AskedBySomebodyGone,
    Held,
    NotOpen,
    NotOurs,
    Overlapping,
    SecondPerson,
    StillNeeded,
    TooLate,
    TooNew,
    approve_destruction,
    cancel_destruction,
    request_destruction,
)
from keys.actions.destruction_end import finish_destruction, remind_of_destruction
from keys.actions.holdings import count_held
from keys.actions.move import AlreadyInUse, KeyNotFit, bring_key, examine_own_key, return_key
from keys.actions.provisioning import ensure_platform_keys, provision_environment_keys, provision_keys
from keys.actions.reencryption import advance_rotation
from keys.actions.rotation import (
    KeyNotActive,
    NoRotation,
    RotationUnderWay,
    TooFarAlready,
    abandon_rotation,
    pause_rotation,
    resume_rotation,
    rotate_key,
)
from keys.actions.signing import ensure_signing_key, renew_signing_key
from keys.actions.upkeep import find_work, renew_data_keys, rotate_yearly, say_overdue
from keys.providers.base import InvalidWait

__all__ = [
    "AlreadyAsked",
    "AlreadyInUse",
    "AskedBySomebodyGone",
    "Held",
    "InvalidWait",
    "KeyNotActive",
    "KeyNotFit",
    "NoRotation",
    "NotOpen",
    "NotOurs",
    "Overlapping",
    "RotationUnderWay",
    "SecondPerson",
    "StillNeeded",
    "TooFarAlready",
    "TooLate",
    "TooNew",
    "abandon_rotation",
    "advance_rotation",
    "approve_destruction",
    "bring_key",
    "cancel_destruction",
    "count_held",
    "ensure_platform_keys",
    "ensure_signing_key",
    "examine_own_key",
    "find_work",
    "finish_destruction",
    "pause_rotation",
    "provision_environment_keys",
    "provision_keys",
    "remind_of_destruction",
    "renew_data_keys",
    "renew_signing_key",
    "request_destruction",
    "resume_rotation",
    "return_key",
    "rotate_key",
    "rotate_yearly",
    "say_overdue",
]
