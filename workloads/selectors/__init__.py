"""Reads of trusts and of what was exchanged by them."""

from workloads.selectors.trusts import GIVEN, REFUSED, get_trust, list_exchanges, list_trusts

__all__ = ["GIVEN", "REFUSED", "get_trust", "list_exchanges", "list_trusts"]
