"""The kinds of targets. Nothing else in HQ knows how one of them is spoken to."""

from streams.targets.base import Outcome, Parcel, Target
from streams.targets.https import Https
from streams.targets.s3 import S3
from streams.targets.syslog import Syslog

__all__ = ["TARGETS", "Outcome", "Parcel", "Target"]

TARGETS: dict[str, Target] = {"https": Https(), "syslog": Syslog(), "s3": S3()}
