"""What the pages of senders say about an agreement: how far it is, who has done what, and what each step was."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from hq.lib.clock import now
from hq.lib.text import plural
from signing.models import Agreement, Signer, Step

State = Agreement.State
# state: how it looks (components/status), its word, and an icon where the state's own does not do.
SHOWN = {
    State.DRAFT: ("idle", "Draft", "pen-line"),
    State.SENT: ("running", "Sent", "mail-open"),
    State.SIGNED: ("running", "Being sealed", ""),
    State.SEALED: ("proven", "Sealed", ""),
    State.DECLINED: ("refused", "Declined", ""),
    State.EXPIRED: ("idle", "Expired", "hourglass"),
    State.VOIDED: ("idle", "Voided", "ban"),
}
SIGNER = {
    Signer.State.WAITING: ("idle", "Waits for their turn", ""),
    Signer.State.SENT: ("running", "Sent", "mail"),
    Signer.State.VIEWED: ("running", "Opened", "eye"),
    Signer.State.CONSENTED: ("running", "Agreed, not signed yet", "pen-line"),
    Signer.State.SIGNED: ("ok", "Signed", ""),
    Signer.State.DECLINED: ("refused", "Declined", ""),
    Signer.State.DELEGATED: ("idle", "Handed on", "users"),
}
# What each kind of step is called, after the name of whoever did it.
STEPS = {
    "created": ("file-text", "made the agreement"),
    "replaced": ("file-text", "put another document in"),
    "sent": ("mail-open", "sent it"),
    "code_sent": ("mail", "asked for a code by mail"),
    "identified": ("user", "showed who they are"),
    "viewed": ("eye", "opened the document"),
    "consented": ("circle-check", "agreed to sign electronically"),
    "signed": ("pen-line", "signed"),
    "declined": ("x", "declined to sign"),
    "delegated": ("users", "handed it on"),
    "corrected": ("pen-line", "was corrected by the sender"),
    "reminded": ("mail", "reminded everybody who is asked now"),
    "extended": ("hourglass", "gave more time"),
    "bounced": ("triangle-alert", "cannot be reached: the mail came back"),
    "voided": ("ban", "voided it"),
    "expired": ("hourglass", "ended it: nobody may sign any more"),
    "sealed": ("badge-check", "sealed the document"),
}
HOW = {"typed": "typed", "drawn": "drawn", "uploaded": "an uploaded picture", "approved": "approved, without a field"}
METHODS = {
    Signer.Method.LINK.value: "By the link alone",
    Signer.Method.CODE.value: "By a code by mail",
    Signer.Method.PASSKEY.value: "By a passkey, beside the code",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One person as the page shows them."""

    signer: Signer
    state: str
    word: str
    symbol: str
    method: str
    colour: int
    points: list[dict[str, Any]]
    may_correct: bool
    to: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One step as the page shows it."""

    step: Step
    symbol: str
    tone: str
    who: str
    did: str
    detail: str
    hash: str


def state_of(agreement: Agreement) -> tuple[str, str, str]:
    return SHOWN[State(agreement.state)]


def progress_of(agreement: Agreement, counted: tuple[int, int] | None) -> dict[str, Any]:
    """For the list: its state, and how many have acted."""
    state, word, symbol = state_of(agreement)
    signed, asked = counted or (0, 0)
    return {"state": state, "word": word, "symbol": symbol, "signed": signed, "asked": asked}


def stamp_of(agreement: Agreement) -> str:
    """Changes with every step."""
    return f"{agreement.state}.{agreement.length}"


def count_of(signers: Sequence[Signer]) -> dict[str, int]:
    acting = [one for one in signers if one.acts and one.state != Signer.State.DELEGATED]
    return {"signed": sum(one.state == Signer.State.SIGNED for one in acting), "asked": len(acting)}


def people_of(agreement: Agreement, signers: Sequence[Signer], steps: Sequence[Step]) -> list[Told]:
    """Everybody, in the order in which their turns come."""
    names = {one.id: one.name for one in signers}
    reminded = [step.at for step in steps if step.kind == "reminded"]
    ordered = sorted(signers, key=lambda one: (one.turn, one.position))
    return [_told(agreement, one, names, reminded) for one in ordered]


def _told(agreement: Agreement, one: Signer, names: Mapping[UUID, str], reminded: Sequence[datetime]) -> Told:
    state, word, symbol = SIGNER[Signer.State(one.state)]
    if one.kind == Signer.Kind.APPROVER and one.state == Signer.State.SIGNED:
        word = "Approved"
    if not one.acts and one.state == Signer.State.VIEWED:
        state, word, symbol = "ok", "Opened", "eye"
    if one.bounced_at is not None and not one.is_done:
        state, word, symbol = "broken", "Mail came back", ""
    open_still = agreement.state == State.SENT and (not one.acts or not one.is_done)
    return Told(
        signer=one,
        state=state if agreement.state in {State.SENT, State.SIGNED} or state != "running" else "idle",
        word=word,
        symbol=symbol,
        method=METHODS[one.method],
        colour=(one.position - 1) % 6 + 1,
        points=_points(agreement, one, reminded),
        may_correct=open_still and one.consented_at is None and one.state != Signer.State.DELEGATED,
        to=names.get(one.delegated_to_id, "") if one.delegated_to_id else "",
    )


def _points(agreement: Agreement, one: Signer, reminded: Sequence[datetime]) -> list[dict[str, Any]]:
    """Their own line: from when they were asked to when they acted, or to when it ends."""
    if one.sent_at is None:
        return []
    named: list[tuple[datetime | None, str, str]] = [
        (one.sent_at, "created", "Sent"),
        (one.bounced_at, "refused", "Came back"),
        (one.viewed_at, "opened", "Opened"),
        (one.consented_at, "opened", "Agreed"),
        (one.signed_at, "spent", "Signed" if one.kind == Signer.Kind.SIGNER else "Approved"),
    ]
    last = one.signed_at or agreement.ended_at or now()
    named += [(at, "opened", "Reminded") for at in reminded if one.sent_at < at < last]
    if one.signed_at is None:
        named.append((agreement.ended_at or agreement.expires_at, "end", "Ended" if agreement.ended_at else "Ends"))
    return [{"at": at, "kind": kind, "label": label} for at, kind, label in named if at is not None]


def steps_of(steps: Sequence[Step], signers: Sequence[Signer]) -> list[Line]:
    """The chain, newest first."""
    names = {one.id: one.name for one in signers}
    return [_line(step, names) for step in reversed(steps)]


def _line(step: Step, names: Mapping[UUID, str]) -> Line:
    facts, detail = orjson.loads(step.document)["facts"], step.detail
    symbol, did = STEPS.get(step.kind, ("activity", step.kind.replace("_", " ")))
    wrong = step.kind == "identified" and facts.get("outcome") != "ok"
    if wrong:
        symbol, did = "refused", "did not show who they are"
    tone = "refused" if wrong or step.kind in {"declined", "bounced"} else "proven" if step.kind == "sealed" else ""
    if step.kind == "signed" and facts.get("how") == "approved":
        did = "approved"
    return Line(
        step=step,
        symbol=symbol,
        tone=tone,
        who=detail.get("name") or names.get(step.signer_id, "HQ") if step.signer_id else detail.get("name") or "HQ",
        did=did,
        detail=". ".join(_more(step.kind, facts, detail)),
        hash=bytes(step.hash).hex(),
    )


def _more(kind: str, facts: Mapping[str, Any], detail: Mapping[str, Any]) -> list[str]:
    said = []
    if kind == "identified":
        said.append(METHODS.get(facts.get("method", ""), ""))
    if kind == "signed":
        how = HOW.get(facts.get("how", ""), "")
        said.append(f"Signature: {how}" + (", and signed by their own passkey" if facts.get("passkey") else ""))
    if kind == "consented":
        consent = facts["consent"]
        said.append(f"To the text {consent['language']}-{consent['version']}")
    if kind == "reminded":
        said.append(plural(facts.get("signers", 0), "mail"))
    if kind in {"sent", "extended"} and facts.get("expires_at"):
        said.append(f"Can be signed until {datetime.fromisoformat(facts['expires_at']):%d %B %Y}")
    if detail.get("reason"):
        said.append(f"“{detail['reason']}”")
    if detail.get("to"):
        said.append(f"To {detail['to'].get('name', '')}, {detail['to'].get('email', '')}")
    if detail.get("before"):
        said.append(f"Was {detail['before'].get('name', '')}, {detail['before'].get('email', '')}")
    if detail.get("ip"):
        said.append(f"From {detail['ip']}")
    return [each for each in said if each]
