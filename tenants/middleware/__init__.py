"""Finds out who is asking, and opens the database on their organization only. Settings name these three."""

from tenants.middleware.context import TenantContext
from tenants.middleware.sessions import PersonPreferences, SessionActivity

__all__ = ["PersonPreferences", "SessionActivity", "TenantContext"]
