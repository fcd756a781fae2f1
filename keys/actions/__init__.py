"""Verbs on keys."""

from keys.actions.holdings import count_held
from keys.actions.provisioning import ensure_platform_keys, provision_environment_keys, provision_keys
from keys.actions.reencryption import advance_rotation
from keys.actions.rotation import (
    KeyNotActive,
    NoRotation,
    RotationUnderWay,
    pause_rotation,
    resume_rotation,
    rotate_key,
)
from keys.actions.signing import ensure_signing_key, renew_signing_key
from keys.actions.upkeep import find_work, renew_data_keys, rotate_yearly, say_overdue

__all__ = [
    "KeyNotActive",
    "NoRotation",
    "RotationUnderWay",
    "advance_rotation",
    "count_held",
    "ensure_platform_keys",
    "ensure_signing_key",
    "find_work",
    "pause_rotation",
    "provision_environment_keys",
    "provision_keys",
    "renew_data_keys",
    "renew_signing_key",
    "resume_rotation",
    "rotate_key",
    "rotate_yearly",
    "say_overdue",
]
