"""An organization's people as its own systems know them: domains, single sign-on, directory sync."""

from directory.models.domains import Domain
from directory.models.scim import ScimGroup, ScimGroupMember, ScimOperation, ScimToken, ScimUser
from directory.models.sso import SsoConnection

__all__ = ["Domain", "ScimGroup", "ScimGroupMember", "ScimOperation", "ScimToken", "ScimUser", "SsoConnection"]
