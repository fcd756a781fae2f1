"""AWS's stand-ins, for who asks."""

from tests.aws.fixtures import ministack

__all__ = ["ministack"]
