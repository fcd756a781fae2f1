"""SCIM 2.0 (RFC 7643, RFC 7644): what a directory says over HTTP, turned into verbs on people and groups."""

from directory.scim.provider import MOST_BYTES, provider, service
from directory.scim.serve import Served, refused, serve
from directory.scim.storage import DirectoryStorage

__all__ = ["MOST_BYTES", "DirectoryStorage", "Served", "provider", "refused", "serve", "service"]
