"""Portal pages of encryption keys."""

from keys.views.data_map import data_map
from keys.views.key_list import key_list

__all__ = ["data_map", "key_list"]
