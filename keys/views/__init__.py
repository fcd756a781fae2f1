"""Portal pages of encryption keys."""

from keys.views.key_list import key_list

__all__ = ["key_list"]
