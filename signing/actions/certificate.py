"""The certificate of completion: what was done to an agreement, from its rows alone, and from there as JSON, HTML, PDF.

`certificate_of` is the one source, in plain values; it stops before the seal, as it stands inside of what is sealed.
`told` says the same in words, for the page and for the PDF's pages.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from signing import consents, selectors
from signing.models import Agreement, Signer, Step

TYPE: Final = "hq/agreement-certificate"
VERSION: Final = 1
SEALED: Final = "sealed"
SES, AES = "SES", "AES"
LEVELS: Final = {
    SES: "SES: simple electronic signatures in the sense of eIDAS (EU 910/2014), in a document that the organization"
    " sealed",
    AES: "AES: each signer’s own key signed (a passkey), in a document that the organization sealed",
}
METHODS: Final = {"link": "the link that was mailed", "code": "a code that was mailed", "passkey": "a passkey"}
HOWS: Final = {
    "typed": "Typed their name",
    "drawn": "Drew their signature",
    "uploaded": "Used a picture of their signature",
    "approved": "Approved without a field of their own",
}
KINDS: Final = {
    "created": "Made",
    "replaced": "Document replaced",
    "sent": "Sent",
    "code_sent": "Code mailed",
    "identified": "Identified",
    "viewed": "Opened",
    "consented": "Agreed to sign electronically",
    "signed": "Signed",
    "declined": "Declined",
    "delegated": "Handed on",
    "corrected": "Corrected",
    "reminded": "Reminded",
    "extended": "Extended",
    "bounced": "Mail refused",
    "voided": "Withdrawn",
    "expired": "Expired",
    "sealed": "Sealed",
}
_RECOMPUTE: Final = """
The document. SHA-256 of {original}, byte for byte (sha256sum). Every step names it as document.sha256.

What was agreed to. SHA-256 of each text: {texts}. The steps “consented” and “signed” name it.

A step’s detail. SHA-256 of the 18 bytes hq-audit-detail-v1, a zero byte, the salt (32 bytes), and the detail in
RFC 8785. The step’s document names it as detail.

A step’s hash. SHA-256 of the 16 bytes hq-audit-link-v1, a zero byte, the hash before it (32 bytes), and the SHA-256 of
its document in RFC 8785 (32 bytes).

Before the first step. SHA-256 of the 15 bytes hq-agreement-v1, a zero byte, and the 16 bytes of the agreement’s id.

What was filled in. fields_sha256 is the SHA-256 of the object of fields and signature, as the detail of the step
“signed” has both, in RFC 8785.

A passkey. Its challenge is the SHA-256 of the object of agreement, consent_sha256, document_sha256, fields_sha256 and
signer, in RFC 8785.

The sealed PDF. Its SHA-256 is in the step “sealed”, which comes after it was made, and so stands in chain.jsonl, not
here. That step’s hash is in the organization’s trail, as the head in the event agreement:sealed.

All at once. bin/verify does every one of these without HQ and without a network.
"""
_DONE: Final = {Signer.Kind.SIGNER: "Signed", Signer.Kind.APPROVER: "Approved", Signer.Kind.VIEWER: "Saw it"}


def certificate_of(agreement: Agreement, signers: Sequence[Signer], steps: Sequence[Step]) -> dict[str, Any]:
    """What the certificate says. In the organization's context. Raises KeyUnavailable, Tampered."""
    acts = [_act(step) for step in steps if step.kind != SEALED]
    people = [_person(one, [act for act in acts if act["signer"] == str(one.id)]) for one in signers]
    sending = next((act for act in acts if act["kind"] == "sent"), acts[0])
    signed = [act["at"] for act in acts if act["kind"] == "signed"]
    levels = {one["level"] for one in people if one["level"]}
    return {
        "type": TYPE,
        "v": VERSION,
        "agreement": str(agreement.id),
        "title": agreement.title,
        "organization": {
            "id": str(agreement.organization_id),
            "name": sending["detail"].get("organization", ""),
        },
        "environment": str(agreement.environment_id),
        "sender": {name: sending["detail"].get(name, "") for name in ("name", "kind", "id")},
        "document": sending["facts"]["document"] | {"source": agreement.source},
        "level": AES if levels == {AES} else SES,
        "sent_at": sending["at"],
        "completed_at": max(signed, default=None),
        "signers": people,
        "steps": [{name: act[name] for name in ("index", "kind", "at", "signer", "hash")} for act in acts],
        "length": len(acts),
        "head": acts[-1]["hash"],
        "recompute": _recompute(agreement, people),
    }


def build_certificate(agreement: Agreement) -> dict[str, Any]:
    """As `certificate_of`, of the rows as they are."""
    return certificate_of(agreement, selectors.list_signers(agreement), selectors.list_steps(agreement))


def _act(step: Step) -> dict[str, Any]:
    document = orjson.loads(step.document)
    return {name: document[name] for name in ("index", "kind", "at", "signer", "facts")} | {
        "hash": bytes(step.hash).hex(),
        "detail": step.detail,
    }


def _person(signer: Signer, acts: list[dict[str, Any]]) -> dict[str, Any]:
    last = {act["kind"]: act for act in acts}
    signed, consented = last.get("signed"), last.get("consented")
    seen = signed or last.get("delegated") or last.get("viewed")
    tries = [act["facts"] for act in acts if act["kind"] == "identified"]
    return {
        "id": str(signer.id),
        "position": signer.position,
        "turn": signer.turn,
        "kind": signer.kind,
        "role": signer.role,
        "name": signer.name,
        "email": signer.email,
        "asked_to_show": signer.method,
        "identified": [{"method": one["method"], "outcome": one["outcome"]} for one in tries],
        "viewed_at": _at(last.get("viewed")),
        "consented_at": _at(consented),
        "consent": consented["facts"]["consent"] if consented else None,
        "signed_at": _at(signed),
        "how": signed["facts"]["how"] if signed else None,
        "label": signed["facts"]["label"] if signed else None,
        "fields_sha256": signed["facts"]["fields_sha256"] if signed else None,
        "passkey": signed["facts"]["passkey"] if signed else False,
        "level": (AES if signed["facts"]["passkey"] else SES) if signed else None,
        "delegated_to": str(signer.delegated_to_id) if signer.delegated_to_id else None,
        "ip": seen["detail"]["ip"] if seen else None,
        "user_agent": seen["detail"]["user_agent"] if seen else None,
    }


def _at(act: Mapping[str, Any] | None) -> str | None:
    return act["at"] if act else None


def _recompute(agreement: Agreement, people: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """How every hash is made, in the order in which one checks them. The files are those of the bundle."""
    agreed = {(one["consent"]["language"], one["consent"]["version"]) for one in people if one["consent"]}
    texts = ", ".join(consents.get(*each).file_name for each in sorted(agreed))
    original = "original.md" if agreement.source == Agreement.Source.TEXT else "original.pdf"
    parts = [" ".join(part.split()) for part in _RECOMPUTE.split("\n\n")]
    pairs = [part.format(original=original, texts=texts or "none yet").partition(". ") for part in parts]
    return [{"what": f"{what}.", "how": how} for what, _, how in pairs]


# ---- in words


def told(certificate: Mapping[str, Any]) -> dict[str, Any]:
    """The same for people to read: every value a text, and none where there is nothing to say."""
    names = {one["id"]: one["name"] for one in certificate["signers"]}
    document = certificate["document"]
    pages = f"{document['pages']} page{'' if document['pages'] == 1 else 's'}"
    return {
        "title": certificate["title"],
        "agreement": certificate["agreement"],
        "organization": certificate["organization"]["name"],
        "sender": certificate["sender"]["name"],
        "sent_at": _clock(certificate["sent_at"]),
        "completed_at": _clock(certificate["completed_at"]),
        "document": f"Version {document['version']}, {pages}",
        "sha256": document["sha256"],
        "level": LEVELS[certificate["level"]],
        "head": certificate["head"],
        "signers": [_told_of(one, names) for one in certificate["signers"]],
        "steps": [
            {
                "index": str(step["index"]),
                "at": _clock(step["at"]),
                "kind": KINDS.get(step["kind"], step["kind"]),
                "who": names.get(step["signer"], ""),
                "hash": step["hash"],
            }
            for step in certificate["steps"]
        ],
        "recompute": list(certificate["recompute"]),
    }


def _told_of(one: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, str]:
    consent = one["consent"]
    role = f" ({one['role']})" if one["role"] else ""
    how = HOWS.get(one["how"] or "", "")
    if one["passkey"]:
        how += ", and signed with a passkey of their own: AES"
    return {
        "name": one["name"],
        "asked": f"{Signer.Kind(one['kind']).label}{role}, turn {one['turn']}",
        "email": one["email"],
        "method": _shown(one["identified"]),
        "viewed_at": _clock(one["viewed_at"]),
        "consented_at": _clock(one["consented_at"]),
        "consent": consent["sha256"] if consent else "",
        "done": _DONE[Signer.Kind(one["kind"])],
        "signed_at": _clock(one["signed_at"]),
        "how": f"{how}, by “{one['label']}”" if how and one["label"] else how,
        "ip": one["ip"] or "",
        "user_agent": one["user_agent"] or "",
        "note": f"Handed on to {names.get(one['delegated_to'], 'somebody else')}" if one["delegated_to"] else "",
    }


def _shown(tries: Sequence[Mapping[str, str]]) -> str:
    """How they showed who they are, and what failed."""
    good = list(dict.fromkeys(METHODS.get(one["method"], one["method"]) for one in tries if one["outcome"] == "ok"))
    wrong = sum(one["outcome"] != "ok" for one in tries)
    said = " and ".join(good)
    if wrong:
        said += f"{' after ' if said else ''}{wrong} wrong {'try' if wrong == 1 else 'tries'}"
    return said[:1].upper() + said[1:]


def _clock(at: str | None) -> str:
    return datetime.fromisoformat(at).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC") if at else ""
