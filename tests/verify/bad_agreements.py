"""Bundles that do not hold, each made and signed as HQ would but for one thing, and what each is refused for."""

import zlib
from collections.abc import Callable
from typing import Any
from uuid import UUID

from hq.crypto import chain, seals
from hq.lib.canonical import canonical
from tests.verify import agreements, trails
from tests.verify.agreements import (
    AGREEMENT_ID,
    AT,
    CONSENT,
    INES,
    LENA,
    OMAR,
    ORIGINAL,
    Act,
    Bundle,
    Line,
    coming,
    passkey,
    root,
    sent,
    sha256,
    signed,
    steps,
    whole,
)
from tests.verify.program import VERIFY
from tests.verify.samples import STRANGER, certificate


def zipped(files: dict[str, bytes]) -> bytes:
    """Packed in the one way, whatever the files are."""
    return bytes(VERIFY.packed([(name, raw, zlib.crc32(raw)) for name, raw in files.items()]))


def exchanged(name: str, raw: bytes) -> bytes:
    """One file put in the place of another, by somebody without a key."""
    return zipped(Bundle().contents() | {name: raw})


def acted(*acts: Act) -> bytes:
    return Bundle(acts=[sent(INES, LENA), *acts]).packed()


def in_turns(*acts: Act) -> bytes:
    """Ines is first, Lena may look then, and Omar is last."""
    return Bundle(acts=[sent(INES, OMAR, LENA, turns=(1, 3, 2)), *acts]).packed()


def timed(act: Act, at: str) -> Act:
    kind, signer, facts, more = act
    return (kind, signer, facts, more | {"at": at})


def extended(until: str) -> Act:
    return ("extended", None, {"expires_at": until}, {})


def without(acts: list[Act], *kinds: str) -> list[Act]:
    return [act for act in acts if act[0] not in kinds]


def lines_changed(change: Callable[[list[Line]], list[Line]]) -> bytes:
    """The chain handed out otherwise, and signed as it is: the worst that HQ itself could do."""
    lines = trails.lines_in(Bundle().contents()["chain.jsonl"])
    return Bundle(files={"chain.jsonl": trails.jsonl(change(lines))}).packed()


def edited(at: int, **change: Any) -> Callable[[list[Line]], list[Line]]:
    def edit(lines: list[Line]) -> list[Line]:
        return [line | change if index == at else line for index, line in enumerate(lines, 1)]

    return edit


def said(at: int, **change: Any) -> Callable[[list[Line]], list[Line]]:
    return lambda lines: edited(at, document=lines[at - 1]["document"] | change)(lines)


def keyed(kind: str = "es256", gone: bool = False, **change: Any) -> bytes:
    """Signed with a passkey that says or signs something else."""
    _, _, facts, more = signed(INES, "es256")
    brought = passkey(INES, facts["fields_sha256"], kind, **{n: v for n, v in change.items() if n != "put"})
    detail = {"fields": more["fields"]} if gone else more | {"passkey": brought | change.get("put", {})}
    return acted(*coming(INES), ("signed", INES, facts, detail))


def signed_otherwise(**change: Any) -> Act:
    _, _, facts, more = signed(INES)
    return ("signed", INES, facts | change, more)


def certified(**change: Any) -> bytes:
    """The certificate says something else of Ines than the steps."""
    people = Bundle().certificate()["signers"]
    return Bundle(
        certified={"signers": [one | change if one["id"] == INES else one for one in people]},
    ).packed()


def by_another_organization() -> bytes:
    other = UUID(trails.OTHER_ORGANIZATION)
    return Bundle(seal={"key": seals.make_seal_key(root(), "Alder Peak", other, AT)}).packed()


def with_other_steps() -> bytes:
    """The PDF was sealed over steps that are not those of the chain, though each of both chains holds."""
    return Bundle(evidence={"steps": steps([*whole(), ("reminded", None, {"signers": 0}, {})])}).packed()


BAD: dict[str, tuple[Callable[[], bytes], str]] = {
    "stranger": (lambda: Bundle(signer=STRANGER).packed(), "not one that you expected"),
    "other-statement": (lambda: exchanged("statement.json", certificate()), "no statement of an agreement"),
    "pdf-exchanged": (
        lambda: exchanged("agreement.pdf", Bundle(certified={"title": "Other"}).sealed().pdf),
        "agreement.pdf is not the file that was signed",
    ),
    "consent-exchanged": (lambda: exchanged("consent-en-1.txt", b"Hello"), "consent-en-1.txt is not the file that was"),
    "more-members": (lambda: zipped(Bundle().contents() | {"readme.txt": b"x"}), "other members than a bundle"),
    "other-order": (
        lambda: zipped(dict(sorted(Bundle().contents().items(), key=lambda one: one[0] == "original.md"))),
        "other members than a bundle",
    ),
    "not-listed": (
        lambda: zipped(
            dict(list(Bundle().contents().items())[:4])
            | {"consent-fr-1.txt": CONSENT}
            | dict(list(Bundle().contents().items())[4:])
        ),
        "lists other files than are there",
    ),
    "edited": (lambda: lines_changed(said(4, kind="viewed")), "line 4: It was changed; its hash is another"),
    "previous": (
        lambda: lines_changed(edited(4, previous="ab" * 32)),
        "line 4: It is not linked to the step before it",
    ),
    "detail": (lambda: lines_changed(edited(4, detail={"name": "Eve"})), "line 4: Its detail is not the one"),
    "salt": (lambda: lines_changed(edited(4, salt=None)), "line 4: Its detail is not the one"),
    "deleted": (lambda: lines_changed(lambda lines: lines[:3] + lines[4:]), "line 4: It is step 5, and 4 of"),
    "cut": (lambda: lines_changed(lambda lines: lines[:-1]), "does not end with the seal"),
    "empty": (lambda: lines_changed(lambda lines: []), "does not end with the seal"),
    "more-in-a-line": (lambda: lines_changed(edited(2, more=1)), "line 2: It is no step"),
    "version": (lambda: lines_changed(said(2, v=2)), "line 2: It is no step"),
    "no-last-feed": (
        lambda: Bundle(files={"chain.jsonl": Bundle().contents()["chain.jsonl"][:-1]}).packed(),
        "does not end with a whole line",
    ),
    "other-agreement": (
        lambda: Bundle(said={"agreement": AGREEMENT_ID[:-1] + "2"}).packed(),
        "line 1: It is step 1, and 1 of 0193cccc-0000-7000-8000-000000000002 comes next",
    ),
    "no-agreement": (lambda: Bundle(said={"agreement": "x"}).packed(), "The id of its agreement is none"),
    "head": (lambda: Bundle(said={"head": "ab" * 32}).packed(), "does not lead to the head that was signed"),
    "length": (lambda: Bundle(said={"length": 3}).packed(), "does not lead to the head that was signed"),
    "organization": (
        lambda: Bundle(said={"organization": {"id": "x", "name": "x"}}).packed(),
        "of another organization than the statement",
    ),
    "without-consent": (
        lambda: acted(*without(coming(INES), "consented"), signed(INES)),
        "Nobody has signed who has not consented",
    ),
    "without-a-look": (
        lambda: acted(*without(coming(INES), "viewed"), signed(INES)),
        "Nobody has consented who has not viewed",
    ),
    "not-all-signed": (lambda: acted(*coming(INES)), f"before {INES} had signed"),
    "nobody-came": (lambda: Bundle(acts=[sent(LENA)]).packed(), "before anybody had signed"),
    "delegated-and-not-signed": (
        lambda: acted(*coming(INES), ("delegated", INES, {"to": OMAR}, {})),
        f"before {OMAR} had signed",
    ),
    "signed-twice": (
        lambda: acted(*coming(INES), signed(INES), signed(INES)),
        "somebody who has signed already, or handed it on",
    ),
    "sealed-after-declining": (
        lambda: Bundle(acts=[sent(INES, OMAR), *coming(INES), signed(INES), ("declined", OMAR, {}, {})]).packed(),
        "It comes after the agreement was declined",
    ),
    **{
        f"signed-after-{word}": (
            lambda word=word: acted(*coming(INES), (word, None, {}, {}), signed(INES)),  # type: ignore[misc]
            f"It comes after the agreement was {word}",
        )
        for word in ("voided", "expired", "declined")
    },
    "reminded-after-voided": (
        lambda: acted(*coming(INES), signed(INES), ("voided", None, {}, {}), ("reminded", None, {"signers": 1}, {})),
        "It comes after the agreement was voided",
    ),
    "time-goes-back": (
        lambda: acted(*coming(INES), timed(signed(INES), "2026-11-22T05:09:06.000005Z")),
        "It is of an earlier time than the step before it",
    ),
    "sealed-earlier": (
        lambda: acted(*coming(INES), timed(signed(INES), "2026-11-22T05:10:00.000000Z")),
        "line 8: It is of an earlier time than the step before it",
    ),
    "viewed-before-their-turn": (
        lambda: in_turns(*coming(INES), *coming(OMAR)[:4], signed(INES), *coming(OMAR)[4:], signed(OMAR)),
        f"It is not their turn: {INES} comes before them, and had not signed",
    ),
    "signed-before-their-turn": (
        lambda: in_turns(*coming(OMAR), signed(OMAR), *coming(INES), signed(INES)),
        f"It is not their turn: {INES} comes before them, and had not signed",
    ),
    "looked-before-their-turn": (
        lambda: in_turns(("viewed", LENA, {}, {}), *coming(INES), signed(INES), *coming(OMAR), signed(OMAR)),
        f"It is not their turn: {INES} comes before them, and had not signed",
    ),
    "before-whom-it-was-handed-on-to": (
        lambda: Bundle(
            acts=[
                sent(INES, LENA, turns=(1, 2)),
                *coming(INES),
                ("delegated", INES, {"to": OMAR}, {}),
                ("viewed", LENA, {}, {}),
                *coming(OMAR),
                signed(OMAR),
            ]
        ).packed(),
        f"It is not their turn: {OMAR} comes before them, and had not signed",
    ),
    "handed-on-to-one-who-is-asked": (
        lambda: in_turns(*coming(INES), ("delegated", INES, {"to": OMAR}, {}), *coming(OMAR), signed(OMAR)),
        "handed on to somebody who was asked already",
    ),
    "not-asked": (
        lambda: acted(*coming(OMAR), signed(OMAR), *coming(INES), signed(INES)),
        "an act of somebody who was not asked for it",
    ),
    "asked-to-look-only": (
        lambda: acted(*coming(LENA), signed(LENA), *coming(INES), signed(INES)),
        "an act of somebody who was not asked for it",
    ),
    "too-late": (
        lambda: acted(*coming(INES), extended("2026-11-22T05:09:05.5+00:00"), signed(INES)),
        "It was too late: by then the agreement had expired",
    ),
    "expires-at-no-time": (
        lambda: acted(*coming(INES), extended("tomorrow"), signed(INES)),
        "facts.expires_at is not a time in UTC",
    ),
    "viewed-twice": (
        lambda: acted(*coming(INES), *coming(INES)[3:4], signed(INES)),
        "Nobody has viewed twice",
    ),
    "not-viewed-since-corrected": (
        lambda: acted(*coming(INES)[:4], ("corrected", INES, {}, {}), *coming(INES)[4:], signed(INES)),
        "Nobody has consented who has not viewed",
    ),
    "corrected-too-late": (
        lambda: acted(*coming(INES), ("corrected", INES, {}, {}), signed(INES)),
        "a correction of somebody who has agreed already",
    ),
    "turn-that-is-none": (
        lambda: Bundle(acts=[sent(INES, turns=(-1,)), *coming(INES), signed(INES)]).packed(),
        "detail.signers[0].turn is not an integer",
    ),
    "after-the-seal": (
        lambda: lines_changed(lambda lines: [*lines, *more_after(lines)]),
        "line 19: It comes after the agreement was sealed",
    ),
    "sent-twice": (lambda: acted(*coming(INES), signed(INES), sent(INES)), "It was sent once before"),
    "never-sent": (lambda: Bundle(acts=[*coming(INES)]).packed(), "It comes before the agreement was sent"),
    "another-document": (
        lambda: acted(*coming(INES), signed_otherwise(document={"sha256": "ab" * 32, "version": 2, "pages": 1})),
        "about another document than the one that was sent",
    ),
    "another-consent": (
        lambda: acted(*coming(INES), signed_otherwise(consent_sha256="ab" * 32)),
        "names another consent",
    ),
    "filled-in-otherwise": (
        lambda: acted(*coming(INES), signed_otherwise(fields_sha256="ab" * 32)),
        "What was filled in is not what was signed",
    ),
    "facts": (lambda: acted(*coming(INES), signed_otherwise(how=7)), "facts.how is not one word"),
    "original": (lambda: Bundle(original=ORIGINAL + b"!").packed(), "original.md is not the document"),
    "consent": (
        lambda: Bundle(files={"consent-en-1.txt": b"Hello"}).packed(),
        "consent-en-1.txt is not the consent that was agreed to",
    ),
    "consent-missing": (
        lambda: Bundle(files={"consent-en-1.txt": None}).packed(),
        "consent-en-1.txt is not the consent",
    ),
    "consent-nobody-saw": (
        lambda: Bundle(files={"consent-fr-1.txt": CONSENT}).packed(),
        "consent-fr-1.txt is not the consent",
    ),
    "certificate": (
        lambda: Bundle(files={"certificate.json": canonical({"title": "Other"})}).packed(),
        "not the certificate that agreement.pdf carries",
    ),
    "certificate-head": (lambda: Bundle(certified={"head": "ab" * 32}).packed(), "The certificate is of other steps"),
    "certificate-document": (
        lambda: Bundle(certified={"document": {"sha256": "ab" * 32}}).packed(),
        "The certificate is of other steps",
    ),
    "certificate-signers": (lambda: Bundle(certified={"signers": []}).packed(), "names others as those who signed"),
    "certificate-name": (lambda: certified(name="Somebody Else"), f"The certificate says of {INES} what no step says"),
    "certificate-time": (
        lambda: certified(consented_at="2020-01-01T00:00:00.000000Z"),
        f"The certificate says of {INES} what no step says",
    ),
    "certificate-consent": (lambda: certified(consent=None), f"The certificate says of {INES} what no step says"),
    "sealed-other-file": (lambda: Bundle(sealing={"pdf_sha256": "ab" * 32}).packed(), "step of its sealing names"),
    "sealed-other-level": (lambda: Bundle(sealing={"level": "B-T"}).packed(), "seal of another level"),
    "other-steps-in-the-pdf": (with_other_steps, "carries other steps along"),
    "sealed-by-another": (by_another_organization, "agreement.pdf: It is sealed by another organization"),
    "evidence-type": (lambda: Bundle(evidence={"type": "x"}).packed(), "evidence.json: It is no evidence"),
    "evidence-empty": (lambda: Bundle(evidence={"steps": []}).packed(), "evidence.json: It has no steps"),
    "evidence-sealed": (
        lambda: Bundle(evidence={"steps": steps([*whole(), sealing()])}).packed(),
        "evidence.json: It has a step of the seal that it was made for",
    ),
    "evidence-edited": (
        lambda: Bundle(evidence={"steps": said(3, kind="reminded")(steps(whole()))}).packed(),
        "evidence.json: step 3: It was changed",
    ),
    "event-tag": (lambda: Bundle(event={"tag": "agreement:sent"}).packed(), "the proof of another event"),
    "event-target": (
        lambda: Bundle(event={"target": {"kind": "agreement", "id": INES}}).packed(),
        "the proof of another event",
    ),
    "event-head": (lambda: Bundle(after={"head": "ab" * 32}).packed(), "says of the agreement's chain something else"),
    "event-more": (lambda: Bundle(after={"more": 1}).packed(), "says of the agreement's chain something else"),
    "event-elsewhere": (
        lambda: Bundle(acts=[*whole()], event={"organization": trails.OTHER_ORGANIZATION}).packed(),
        "of another environment or organization",
    ),
    "passkey-document": (
        lambda: keyed(asked={"document_sha256": "ab" * 32}),
        "its passkey: It signed something else than this",
    ),
    "passkey-signer": (lambda: keyed(asked={"signer": OMAR}), "its passkey: It signed something else than this"),
    "passkey-type": (lambda: keyed(said={"type": "webauthn.create"}), "its passkey: It signed something else"),
    "passkey-site": (lambda: keyed(site="evil.example"), "its passkey: It signed for another site"),
    "passkey-origin": (lambda: keyed(said={"origin": "javascript:"}), "its passkey: It signed for another site"),
    "passkey-not-verified": (lambda: keyed(flags=0x01), "its passkey: It does not say that its owner was verified"),
    "passkey-signature": (
        lambda: keyed(put={"signature": passkey(INES, sha256(b""))["signature"]}),
        "its passkey: Its signature does not hold",
    ),
    "passkey-ed25519-signature": (
        lambda: keyed("ed25519", put={"signature": passkey(INES, sha256(b""), "ed25519")["signature"]}),
        "its passkey: Its signature does not hold",
    ),
    "passkey-other-key": (
        lambda: keyed(put={"public_key": agreements.encode(agreements.cose({1: 3, 3: -37}))}),
        "its passkey: Its key is of a kind that is not known here",
    ),
    "passkey-broken-key": (lambda: keyed(put={"public_key": "pAE"}), "its passkey: Its key cannot be read"),
    "passkey-longer-key": (
        lambda: keyed(put={"public_key": agreements.encode(agreements.cose({1: 2}) + b"x")}),
        "its passkey: Its key cannot be read",
    ),
    "passkey-key-of-texts": (lambda: keyed(put={"public_key": "oWFhYWI"}), "its passkey: Its key cannot be read"),
    "passkey-text": (lambda: keyed(put={"signature": "a b"}), "its passkey: It is not base64url"),
    "passkey-gone": (lambda: keyed(gone=True), "Whether a passkey signed is said in two ways"),
}


def sealing() -> Act:
    return ("sealed", None, {"pdf_sha256": "ab" * 32, "size": 1, "level": "B-B"}, {})


def more_after(lines: list[Line]) -> list[Line]:
    """One more step, linked rightly, behind the seal."""
    head = bytes.fromhex(lines[-1]["hash"])
    document = lines[-1]["document"] | {"kind": "reminded", "index": len(lines) + 1}
    link = chain.link(head, canonical(document))
    return [lines[-1] | {"document": document, "previous": head.hex(), "hash": link.hex()}]
