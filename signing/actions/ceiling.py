"""How many mails about agreements one organization has HQ send in a day.

Whoever is asked to sign is a stranger to HQ: a key that leaked could otherwise write to any number of them in its name.
Counted is what a sender causes: each signer of what is sent, each reminder, each corrected address. Notices of what
became of it go to those who were counted before.
"""

from typing import Final
from uuid import UUID

from hq.lib.errors import TooMany
from hq.limits.buckets import Bucket, LimitsUnavailable, take

MAILS_A_DAY: Final = 5_000
_DAY: Final = 24 * 60 * 60


class TooManyMails(TooMany):
    """This organization has had as many mails sent about agreements as it may in a day. Nothing was sent.

    Try again later: there is room for some more every minute.
    """


def charge_mails(organization_id: UUID, count: int) -> None:
    """Count mails that are about to be sent, all of them or none. Raises TooManyMails.

    While Valkey is away nothing is counted, and what is asked with a key or a session goes on (ADR 19).
    """
    if not count:
        return
    try:
        verdict = take(sure=Bucket("signing_mails", str(organization_id), MAILS_A_DAY, _DAY), times=count)
    except LimitsUnavailable:
        return
    if not verdict.allowed:
        raise TooManyMails(wait=verdict.retry_after)
