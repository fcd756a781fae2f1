"""Rows as SCIM resources, and resources as what the verbs take."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from scim2_models import Context, Group, InvalidValueException, Resource, User

from directory.actions.scim_groups import GroupEntry
from directory.actions.scim_people import Entry, NoAddress
from directory.models import ScimGroup, ScimUser
from hq.lib.mail_addresses import spell_address

USER, GROUP = str(User.__schema__), str(Group.__schema__)
# What has a column of its own, or is never kept: a password would be a second way in.
_APART = {"schemas", "id", "meta", "userName", "externalId", "active", "groups", "password"}


def user_resource(model: type[Resource[Any]], row: ScimUser) -> Resource[Any]:
    """A person of the directory. Active says whether there is a membership now."""
    said = dict(row.attributes or {})
    extensions = [name for name in said if name.startswith("urn:")]
    return model.model_validate(
        said
        | {
            "schemas": [USER, *extensions],
            "id": str(row.pk),
            "userName": row.user_name,
            "externalId": row.external_id,
            "active": row.active,
            "meta": _meta("User", row),
        }
    )


def group_resource(model: type[Resource[Any]], row: ScimGroup, user_ids: Sequence[UUID] | None) -> Resource[Any]:
    """A group of the directory. `user_ids` None leaves the members out, for an answer that does not show them."""
    members = [{"value": str(each), "$ref": f"Users/{each}", "type": "User"} for each in user_ids or ()]
    return model.model_validate(
        {
            "schemas": [GROUP],
            "id": str(row.pk),
            "displayName": row.group.name,
            "externalId": row.external_id,
            "members": members or None,
            "meta": _meta("Group", row),
        }
    )


def _meta(kind: str, row: ScimUser | ScimGroup) -> dict[str, Any]:
    return {"resourceType": kind, "created": row.created_at, "lastModified": row.modified_at, "version": row.etag}


def address_of(resource: Any) -> str:
    """What the account is found by: the primary one of emails, else that of work, else the first; else userName.

    Raises NoAddress.
    """
    ranked = sorted(_emails(resource), key=lambda email: (not email.primary, email.type != "work"))
    address = spell_address((ranked[0].value if ranked else resource.user_name).strip())
    if address is None:
        raise NoAddress
    return address


def _emails(resource: Any) -> list[Any]:
    return [email for email in resource.emails or [] if email.value]


def entry_of(resource: Any, *, address: str, active: bool) -> Entry:
    """What is said of a person. `active` is what holds where nothing is said of it."""
    said = resource.model_dump(scim_ctx=Context.DEFAULT, mode="json")
    return Entry(
        user_name=resource.user_name,
        address=address,
        name=_name_of(resource),
        active=active if resource.active is None else bool(resource.active),
        external_id=resource.external_id,
        emails=[str(email.value) for email in _emails(resource)],
        attributes={key: value for key, value in said.items() if key not in _APART},
    )


def _name_of(resource: Any) -> str:
    """What people here will read, if the account is new."""
    name = resource.name
    parts = [name.given_name, name.family_name] if name else []
    full = (name.formatted if name else None) or " ".join(part for part in parts if part)
    return str(resource.display_name or full or resource.user_name)[:150]


def group_entry_of(resource: Any) -> GroupEntry:
    """What is said of a group. Raises InvalidValueException for a member whose id is none of ours."""
    members = dict.fromkeys(_id_of(member.value) for member in resource.members or [])
    return GroupEntry(name=resource.display_name, external_id=resource.external_id, user_ids=list(members))


def _id_of(value: Any) -> UUID:
    found = read_id(value)
    if found is None:
        raise InvalidValueException(detail="A member's value is the id of a person, as HQ gave it")
    return found


def read_id(value: Any) -> UUID | None:
    """An id in the one spelling that HQ gives; ids are compared exactly."""
    try:
        found = UUID(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return found if str(found) == value else None
