"""What may be used once only: remembered in Valkey, which all web processes ask."""

from hq.limits.valkey import Script, key_of

_FIRST = Script("return {redis.call('SET', KEYS[1], 1, 'NX', 'EX', ARGV[1]) and 1 or 0}")


def is_first(name: str, what: str, *, seconds: int) -> bool:
    """True for exactly one caller within so many seconds. Raises LimitsUnavailable: nothing is used unremembered."""
    (first,) = _FIRST.run([key_of("once", name, what)], seconds)
    return bool(first)
