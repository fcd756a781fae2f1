"""Portal pages of encryption keys."""

from keys.views.data_map import data_map
from keys.views.destroy import cancel, destroy, destruction
from keys.views.key_list import key_list, rotation_progress
from keys.views.own_key import bring, give_back
from keys.views.rotate import abandon, pause, resume, rotate
from keys.views.statements import check, jwks, statement

__all__ = [
    "abandon",
    "bring",
    "cancel",
    "check",
    "data_map",
    "destroy",
    "destruction",
    "give_back",
    "jwks",
    "key_list",
    "pause",
    "resume",
    "rotate",
    "rotation_progress",
    "statement",
]
