"""An organization's people as its own systems know them: domains, single sign-on, directory sync."""

from directory.models.domains import Domain
from directory.models.sso import SsoConnection

__all__ = ["Domain", "SsoConnection"]
