"""The operator's verbs."""

from console.actions.jobs import discard_job, retry_job
from console.actions.organizations import (
    close_organization,
    create_organization,
    reopen_organization,
    resume_organization,
    suspend_organization,
)
from console.actions.trail import verify_trail

__all__ = [
    "close_organization",
    "create_organization",
    "discard_job",
    "reopen_organization",
    "resume_organization",
    "retry_job",
    "suspend_organization",
    "verify_trail",
]
