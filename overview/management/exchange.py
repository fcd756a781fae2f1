"""The demo's chapters of what goes out of the organization and what comes in: links, inboxes, pages, credentials."""

import io
import tarfile

from artifacts import actions as artifacts
from artifacts.actions import Access
from hq.db.context import tenant
from overview.management import story
from overview.management.story import Person
from overview.management.telling import Outside, Story
from sharing import actions as sharing
from sharing import selectors as shares
from sharing.actions.links import MadeShare, Recipient
from vault import actions as vault

READ_FIRST = ("handbook/SECURITY.md", "handbook/THREAT_MODEL.md")


def links(told: Story) -> str:
    """Links in each state of their lives, tried by those who should and by those who should not."""
    opened = _share(told, story.ADMIN, list(READ_FIRST), "Read before the call on Tuesday")
    _open_and_read(opened)
    for agent in (story.SAFARI, "curl/8.14.1"):
        Outside(story.STRANGER_IP, agent).redeem(opened.token, expect=404)
    waiting = _share(told, story.DEVELOPER, ["evidence/2026-11/digests.csv"], "November digests", days=7)
    Outside(story.GATEWAY_IP, story.SCANNER).send("GET", f"/s/{waiting.token}", expect=200)
    Outside(story.STRANGER_IP, "curl/8.14.1").redeem(_tampered(waiting.token), expect=404)
    taken_back = _share(told, story.ADMIN, ["handbook/CHANGELOG.md"], "Sent to the wrong address", days=1)
    told.act(sharing.revoke_share, story.ADMIN, share_id=taken_back.link.id)
    Outside(story.STRANGER_IP, story.SAFARI).redeem(taken_back.token, expect=404)
    answers = _share(told, story.OWNER, ["inbox/lindqvist/answers.md"], "Your answers, please", permission="write")
    _open_and_write(answers)
    people = [Recipient(name) for name in story.BOARD]
    told.act(
        sharing.create_shares,
        story.DEVELOPER,
        paths=["handbook/decisions/"],
        purpose="What was decided, and why",
        ttl_seconds=3 * 86_400,
        recipients=people,
    )
    count = sum(_states(told).values())
    return f"Share links: {count}. Two were opened, three wait, one is revoked; four tries were refused."


def _share(
    told: Story, person: Person, paths: list[str], purpose: str, *, permission: str = "read", days: int = 0
) -> MadeShare:
    made: MadeShare = told.act(
        sharing.create_share,
        person,
        paths=paths,
        purpose=purpose,
        permission=permission,
        ttl_seconds=days * 86_400 or 900,
    )
    return made


def _states(told: Story) -> dict[str, int]:
    with tenant(told.place.organization_id):
        return dict(shares.count_states(told.actor(story.OWNER)))


def _tampered(token: str) -> str:
    """The same with one bit of its ciphertext changed."""
    changed = "A" if token[-8] != "A" else "B"
    return token[:-8] + changed + token[-7:]


def _open_and_read(share: MadeShare) -> None:
    Outside(story.GATEWAY_IP, story.SCANNER).send("GET", f"/s/{share.token}", expect=200)
    redeemed = Outside(story.RECIPIENT_IP, story.FIREFOX).redeem(share.token)
    recipient = Outside(story.RECIPIENT_IP, story.FIREFOX, redeemed["session_token"])
    for path in redeemed["paths"]:
        recipient.send("GET", f"/v1/shared/objects/{path}", expect=200)
    recipient.send("GET", "/v1/shared/objects/handbook/README.md", expect=404)


def _open_and_write(share: MadeShare) -> None:
    redeemed = Outside(story.RECIPIENT_IP, story.FIREFOX).redeem(share.token)
    recipient = Outside(story.RECIPIENT_IP, story.FIREFOX, redeemed["session_token"])
    answer = b"# Answers\n\n1. The digests agree with ours.\n2. No further questions on the threat model.\n"
    recipient.send("PUT", f"/v1/shared/objects/{redeemed['paths'][0]}", answer, "text/markdown", expect=201)


def inbox(told: Story) -> str:
    """An address at which somebody without an account left a file; one of another kind was not taken."""
    made = told.act(
        sharing.create_request,
        story.ADMIN,
        folder="inbox/claim-118/",
        purpose="Photos and invoices of claim 118",
        limits=sharing.Limits(files=10, types=("csv", "md", "pdf", "png")),
    )
    sender = Outside(story.RECIPIENT_IP, story.SAFARI)
    sender.send("GET", f"/r/{made.token}", expect=200)
    sender.send("PUT", f"/r/{made.token}/repairs.csv", story.REPAIRS, "text/csv", expect=201)
    sender.send("PUT", f"/r/{made.token}/photos.zip", b"PK", "application/zip", expect=415)
    return "Upload requests: one for claim 118 has received a file; an archive was not taken."


def published(told: Story) -> str:
    """A small site in two deployments, which whoever has a link may see."""
    made = told.act(artifacts.create_artifact, story.DEVELOPER, name="Claims in November", access=Access("link"))
    for pages in story.SITES:
        artifacts.deploy_archive(actor=told.actor(story.DEVELOPER), artifact_id=made.id, chunks=iter([_tar(pages)]))
    told.act(artifacts.create_links, story.DEVELOPER, artifact_id=made.id, recipients=[story.AUDITOR.name])
    return "Artifacts: Claims in November, deployed twice, with one link."


def _tar(files: dict[str, str]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, text in files.items():
            content = text.encode()
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def credentials(told: Story) -> str:
    """Somebody's own, for an hour, to read one folder with any S3 client. The secret is thrown away."""
    told.act(vault.issue_credentials, story.ANALYST, paths=["evidence/"], ttl_seconds=3600)
    told.act(vault.issue_credentials, story.OWNER, paths=["handbook/pictures/"], ttl_seconds=900)
    return "Storage credentials: two of a short life, each for one folder."
