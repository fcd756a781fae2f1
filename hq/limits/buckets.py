"""How often something may be done: the generic cell rate algorithm (GCRA), for several buckets at once.

A bucket remembers one time, at which it will be empty again: each request moves it on by `seconds / most`, and what
would move it further than `seconds` ahead is refused. So `most` may come at once, and then as many as leak out. The
clock is Valkey's, so that web processes on several machines agree; a bucket that is empty again has expired.
"""

from dataclasses import dataclass

from hq.limits.valkey import LimitsUnavailable, Script, key_of

__all__ = ["Bucket", "LimitsUnavailable", "Verdict", "take"]

# KEYS: the buckets. ARGV: how many of them, the first ones, are charged unless they refuse themselves; then for each:
# microseconds that it is charged, microseconds that it holds.
# Returns, for each bucket: microseconds to wait before one more would be allowed (0: allowed), and until it is empty.
# Nobody is kept waiting for longer than the bucket holds, though its limit or the clock were set back since.
# All others are looked at before any is charged: what is refused by its organization costs its key nothing.
_TAKE = Script("""
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local answer, after, allowed, sure = {}, {}, true, tonumber(ARGV[1])
for i, key in ipairs(KEYS) do
  local interval, holds = tonumber(ARGV[i * 2]), tonumber(ARGV[i * 2 + 1])
  local empty_at = math.min(math.max(tonumber(redis.call('GET', key) or 0), now), now + holds)
  after[i] = empty_at + interval
  local wait = math.max(after[i] - holds - now, 0)
  if wait > 0 then allowed = false end
  answer[i * 2 - 1], answer[i * 2] = wait, empty_at - now
end
for i, key in ipairs(KEYS) do
  if allowed or (i <= sure and answer[i * 2 - 1] == 0) then
    redis.call('SET', key, string.format('%.0f', after[i]), 'PX', math.ceil((after[i] - now) / 1000))
    answer[i * 2] = after[i] - now
  end
end
return answer
""")
_MICRO = 1_000_000


@dataclass(frozen=True, slots=True)
class Bucket:
    """`most` requests in `seconds` for one subject, such as an address. `name` says what is counted."""

    name: str
    subject: str
    most: int
    seconds: int

    @property
    def key(self) -> str:
        """Where it is kept."""
        return key_of("limit", self.name, self.subject)

    @property
    def interval(self) -> int:
        """Microseconds that one request takes up. Whole ones: sums of them are exact in Lua."""
        return max(1, self.seconds * _MICRO // self.most)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the tightest of the buckets says: how many it holds, how many more may come, and when that changes.

    `reset_after` is until all of `limit` may come at once again, `retry_after` until one more may: 0 where `allowed`.
    Both in seconds.
    """

    allowed: bool
    limit: int
    remaining: int
    reset_after: float
    retry_after: float
    bucket: Bucket


def take(*buckets: Bucket, sure: Bucket | None = None, times: int = 1) -> Verdict:
    """Charge one request to each bucket, or to none of them if one refuses. Raises LimitsUnavailable.

    `sure` is charged for `times` requests whatever the others say, unless it refuses itself; then nothing is charged.
    """
    charged = [bucket.interval for bucket in buckets]
    if sure is not None:
        buckets, charged = (sure, *buckets), [sure.interval * min(times, sure.most), *charged]
    holds = [bucket.interval * bucket.most for bucket in buckets]
    arguments = [number for pair in zip(charged, holds, strict=True) for number in pair]
    told = _TAKE.run([bucket.key for bucket in buckets], int(sure is not None), *arguments)
    allowed = not any(told[::2])
    verdicts = [
        Verdict(
            allowed=allowed,
            limit=bucket.most,
            remaining=0 if wait else bucket.most - -(-fill // bucket.interval),
            reset_after=fill / _MICRO,
            retry_after=wait / _MICRO,
            bucket=bucket,
        )
        for bucket, wait, fill in zip(buckets, told[::2], told[1::2], strict=True)
    ]
    return tightest(verdicts)


def tightest(verdicts: list[Verdict]) -> Verdict:
    """The one that a caller has to heed: which keeps them waiting longest, else which has the fewest left."""
    return min(verdicts, key=lambda verdict: (-verdict.retry_after, verdict.remaining))
