"""Tries of a link's password: few for each link and for each address, counted before they are looked at."""

from uuid import UUID

from hq.crypto import passwords
from hq.lib.errors import Denied, TooMany
from hq.limits.buckets import Bucket, take
from hq.web.limits import network_of
from sharing.actions.words import waiting

OF_A_LINK = (5, 15 * 60)  # at once, and then one every three minutes
OF_AN_ADDRESS = (20, 15 * 60)


class WrongPassword(Denied):
    """This is not the password. The link is not used up; ask the person who sent it, and try again."""


class PasswordNeeded(Denied):
    """This link asks for a password. The link is not used up."""


class TooManyPasswords(TooMany):
    """Too many passwords were tried. The link is not used up."""


def check(link_id: UUID, password_hash: str, password: str, ip: str | None) -> None:
    """Return if it is the password. Who sends none has not tried one.

    Raises:
        PasswordNeeded, WrongPassword; TooManyPasswords, with when to try again; LimitsUnavailable.
    """
    if not password:
        raise PasswordNeeded
    verdict = take(
        Bucket("link_password", str(link_id), *OF_A_LINK),
        Bucket("link_password_address", network_of(ip), *OF_AN_ADDRESS),
    )
    if not verdict.allowed:
        wait = verdict.retry_after
        raise TooManyPasswords(
            f"Too many passwords were tried. Try again in {waiting(wait)}; the link is not used up.", wait=wait
        )
    if not passwords.verify_secret(password_hash, password):
        raise WrongPassword
