"""The vocabulary of the trail is written down whole, and has what was promised (AUD-2)."""

import re
from pathlib import Path

import pytest

from audit.tags import ORGANIZATION_WIDE, Tag
from audit.told import TOLD

PAGE = Path(__file__).parents[2] / "docs" / "events.md"
ROW = re.compile(r"^\| `([a-z_]+:[a-z_]+)` \| (.+) \| (whole organization)? ?\|$", re.MULTILINE)
# The 27 kinds of act that HQ promised to chain, each by the tags that tell of it.
PROMISED = {
    "policy changed": {"policy:changed"},
    "access rule created, changed, removed": {"access:given", "access:changed", "access:withdrawn"},
    "key rotated": {"key:rotated"},
    "key destruction scheduled": {"key:destruction_requested"},
    "key destruction approved": {"key:destruction_approved"},
    "key destruction cancelled": {"key:destruction_cancelled"},
    "key destroyed": {"key:destroyed"},
    "key moved to the customer's own": {"key:moved"},
    "member invited": {"member:invited"},
    "invitation revoked": {"invitation:revoked"},
    "member joined": {"member:joined"},
    "member removed": {"member:removed"},
    "role changed": {"member:role_changed"},
    "group created, renamed, removed": {"group:created", "group:renamed", "group:removed"},
    "group membership changed": {"group:member_added", "group:member_removed"},
    "SSO configured": {"sso:created", "sso:changed"},
    "SSO enforced and switched off": {"sso:enabled", "sso:disabled"},
    "SSO removed": {"sso:removed"},
    "domain verified": {"domain:verified"},
    "directory token made and revoked": {"directory_token:created", "directory_token:revoked"},
    "API key created": {"api_key:created"},
    "API key rotated": {"api_key:rotated"},
    "API key revoked": {"api_key:revoked"},
    "impersonation started and ended": {"support:started", "support:ended"},
    "export": {"export:requested", "trail:exported"},
    "erasure": {"erasure:requested", "erasure:approved", "organization:erased", "member:erased"},
    "credentials issued": {"credentials:issued", "workload:token_issued"},
}


def test_every_event_is_written_down_as_the_portal_tells_it():
    told = {tag: (words, bool(wide)) for tag, words, wide in ROW.findall(PAGE.read_text())}
    assert told == {str(tag): (TOLD[tag][1].replace("{}", "…"), tag in ORGANIZATION_WIDE) for tag in Tag}


def test_there_are_the_27_kinds_that_were_promised():
    assert len(PROMISED) == 27


@pytest.mark.parametrize("kind", PROMISED)
def test_each_promised_kind_has_its_tags(kind):
    assert PROMISED[kind] <= set(Tag)
