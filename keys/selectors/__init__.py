"""Keys for those who seal with them, and what may be shown of keys: never the keys themselves."""

from keys.selectors.lines import TITLES, YEAR, KeyLine, KeyList, get_data_map, list_keys
from keys.selectors.material import KeyMaterial, blind_index, capability_key, content_key
from keys.selectors.runs import (
    Protected,
    Seen,
    Worry,
    get_destruction,
    get_key,
    get_statement,
    list_destructions,
    list_held,
    list_other_keys,
    list_rotations,
    list_statements,
    look_at_provider,
    protected_by,
    public_keys,
    worries,
)

__all__ = [
    "TITLES",
    "YEAR",
    "KeyLine",
    "KeyList",
    "KeyMaterial",
    "Protected",
    "Seen",
    "Worry",
    "blind_index",
    "capability_key",
    "content_key",
    "get_data_map",
    "get_destruction",
    "get_key",
    "get_statement",
    "list_destructions",
    "list_held",
    "list_keys",
    "list_other_keys",
    "list_rotations",
    "list_statements",
    "look_at_provider",
    "protected_by",
    "public_keys",
    "worries",
]
