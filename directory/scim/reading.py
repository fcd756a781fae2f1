"""What stands between a body and the library: bounds on what is worked through, and spellings of Entra's."""

from typing import Any

from scim2_models import InvalidPathException, InvalidValueException

OPERATIONS_MOST, PATH_MOST = 1_000, 1_000
MANAGER = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:user:manager"


def check(payload: Any) -> None:
    """Refuse what could not be stored, and patches of more than 1,000 operations or paths of 1,000 characters.

    The decoder has bounded the depth. Raises InvalidValueException, InvalidPathException.
    """
    waiting = [payload]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            _check_operations(value)
            waiting += [*value, *value.values()]
        elif isinstance(value, list):
            waiting += value
        elif isinstance(value, str) and "\0" in value:
            raise InvalidValueException(detail="A text holds the character U+0000, which cannot be stored")


def _check_operations(value: dict[Any, Any]) -> None:
    operations = operations_of(value)
    if len(operations) > OPERATIONS_MOST:
        raise InvalidValueException(detail=f"A request has at most {OPERATIONS_MOST} operations")
    if any(len(str(operation.get("path", ""))) > PATH_MOST for operation in operations):
        raise InvalidPathException(detail=f"A path has at most {PATH_MOST} characters")


def operations_of(payload: Any) -> list[dict[str, Any]]:
    """The operations of a patch or a bulk request, whatever the case of their name."""
    if not isinstance(payload, dict):
        return []
    found = next((value for key, value in payload.items() if str(key).lower() == "operations"), None)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def mended(payload: Any) -> Any:
    """What Entra spells in its own way, as the schema has it; also inside a bulk request.

    A manager is sent as a text. A member to remove is sent with `$ref: null`, which would be compared too, so that
    nobody would match and the removal would be answered with success and do nothing.
    """
    for operation in operations_of(payload):
        path, value = str(operation.get("path", "")).lower(), operation.get("value")
        if path == MANAGER and isinstance(value, str):
            operation["value"] = {"value": value}
        elif path.rpartition(":")[2] == "members" and str(operation.get("op", "")).lower() == "remove":
            operation["value"] = _ids_only(value)
        mended(operation.get("data"))
    return payload


def _ids_only(value: Any) -> Any:
    if isinstance(value, list):
        return [_ids_only(each) for each in value]
    return {"value": value["value"]} if isinstance(value, dict) and "value" in value else value
