"""Trusts, checks and exchanges in words: what is accepted, why a token was refused, what to do about it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from hq.lib.workload_tokens import Check, NotReadable, find_claim, read, shown
from workloads.forms.base import Conditions
from workloads.models import Exchange, Trust

CLAIM: Final = "claim:"


class Words(NamedTuple):
    """A check: what it looks at, what a refusal by it is called, and what then helps."""

    title: str
    refused: str
    advice: str


_CHECKS: Final[dict[str, Words]] = {
    "readable": Words(
        "A token that can be read",
        "What came is no token that can be read",
        "Send the token alone, without a line break at its end.",
    ),
    "issuer": Words(
        "Issuer",
        "Another issuer signed it",
        "Compare the two letter by letter: a slash at the end counts.",
    ),
    "key": Words(
        "Key of the issuer",
        "The key that signed it is not known",
        "If the issuer has new keys, paste them, or see that HQ can reach its address.",
    ),
    "signature": Words(
        "Signature",
        "The signature does not hold",
        "It was changed on its way, or somebody else made it.",
    ),
    "time": Words(
        "Time",
        "It was over, or is not valid yet",
        "Ask the platform for a new one before each exchange, and see that the clocks agree.",
    ),
    "audience": Words(
        "Audience",
        "It was made for somebody else",
        "Ask the platform for a token with exactly the audience that is expected.",
    ),
    "subject": Words(
        "Subject",
        "Another workload sent it",
        "If that one is meant to come in, make a trust for it.",
    ),
    "once": Words(
        "An id of its own",
        "It cannot be told from a copy",
        "Tokens of this platform have no id (jti): let the trust take each token more than once.",
    ),
    "used": Words(
        "Not exchanged before",
        "It was exchanged already",
        "Each token is taken once here. Somebody who copied it would look the same.",
    ),
    "scope": Words(
        "Scopes",
        "It asked for a scope that the trust does not give",
        "Leave scope out of the request to get all that the trust gives.",
    ),
    "disabled": Words("Switched on", "The trust was switched off", "Switch it on, if it is meant to come in."),
    "account": Words(
        "A service account",
        "The service account had ended",
        "Choose another one for this trust.",
    ),
    "changed": Words(
        "Not changed meanwhile",
        "The trust was changed at that moment",
        "The next token is looked at by what it says now.",
    ),
}
# The claim behind a check, and the condition that it is compared with.
_COMPARED: Final = {"issuer": "iss", "audience": "aud", "subject": "sub"}


@dataclass(frozen=True, slots=True)
class Row:
    """One check as a page shows it. `expected` and `came` are there where two values were compared."""

    title: str
    passed: bool
    detail: str
    expected: str = ""
    came: str = ""

    @property
    def skipped(self) -> bool:
        """Not looked at, because of another check that failed."""
        return not self.passed and self.detail.startswith("Not looked ")

    @property
    def failed(self) -> bool:
        return not self.passed and not self.skipped


def conditions_of(trust: Trust) -> Conditions:
    """What the trust accepts, as its form says it."""
    kept = trust.conditions
    return Conditions(
        kept["issuer"], kept["subject"], kept["audience"], dict(kept["claims"]), trust.source.get("keys", "")
    )


def told(exchange: Exchange) -> str:
    """What came of it, in a few words."""
    return "A token was given" if exchange.given else _words(exchange.reason).refused


def advice(exchange: Exchange) -> str:
    """What helps after a refusal."""
    return "" if exchange.given else _words(exchange.reason).advice


def _words(name: str) -> Words:
    if name.startswith(CLAIM):
        claim = name.removeprefix(CLAIM)
        return Words(f"Claim {claim}", f"The claim {claim} is another", "If it is meant to come in, change the trust.")
    return _CHECKS.get(name, Words(name.capitalize(), f"The check “{name}” failed", ""))


def rows_of_exchange(exchange: Exchange, conditions: Conditions) -> list[Row]:
    """Each check that was made. What was expected is told only while the trust still says what it said then."""
    detail = exchange.detail
    same = conditions if exchange.trust.changed_at <= exchange.at else None
    checks = [Check(each["name"], each["passed"], each["detail"]) for each in detail["checks"]]
    said = {key: value for key, value in detail["token"].items() if key != "claims"}
    said |= {f"{CLAIM}{name}": ", ".join(values) for name, values in detail["token"]["claims"].items()}
    return _rows(checks, said, same)


def rows_of_try(checks: Sequence[Check], token: str, conditions: Conditions) -> list[Row]:
    """Each check of a dry run, with what the token said where it was something else."""
    try:
        claims = read(token).claims
    except NotReadable:
        claims = {}
    said = {name: shown(claims[name]) for name in _COMPARED.values() if name in claims}
    for name in conditions.claims:
        said |= {f"{CLAIM}{name}": ", ".join(shown(value) for value in find_claim(claims, name))}
    return _rows(checks, said, conditions)


def _rows(checks: Sequence[Check], said: Mapping[str, str], conditions: Conditions | None) -> list[Row]:
    rows = []
    for each in checks:
        expected = "" if each.passed or conditions is None else _expected(each.name, conditions)
        came = _plain(said.get(_COMPARED.get(each.name, each.name), "")) if expected else ""
        rows.append(Row(_words(each.name).title, each.passed, each.detail, expected, came))
    return rows


def _expected(name: str, conditions: Conditions) -> str:
    claim = name.removeprefix(CLAIM)
    if name.startswith(CLAIM) and claim in conditions.claims:
        value: Any = conditions.claims[claim]
        return value if isinstance(value, str) else shown(value)
    return {"issuer": conditions.issuer, "audience": conditions.audience, "subject": conditions.subject}.get(name, "")


def _plain(value: str) -> str:
    """Text without the quotes that JSON puts around it."""
    try:
        found = json.loads(value)
    except ValueError:
        return value
    return found if isinstance(found, str) else value
