"""Making an artifact, changing who may see it, switching between its deployments, removing."""

import re
import secrets as random
from dataclasses import dataclass
from uuid import UUID

from django.db import IntegrityError, connection, transaction

from artifacts import selectors
from artifacts.actions.deploying import target_of
from artifacts.actions.sharing_rules import cap_of, wrong_with_access
from artifacts.models import NAME_LENGTH, Artifact, Deployment
from audit import recorder
from audit.tags import Tag
from hq.authz import gate
from hq.authz.actor import Actor, environment_of
from hq.authz.permissions import Permission
from hq.crypto import passwords
from hq.lib.clock import now
from hq.lib.errors import Invalid, Refused
from hq.lib.ids import new_id
from vault.actions.bundles import drop_held

PASSWORD_LEAST, PASSWORD_MOST = 8, 200
ADDRESS_MOST = 40
# No letters that look like digits. Twelve of them are 59 bits: an address is not found by trying.
ALPHABET, RANDOM_LENGTH = "abcdefghjkmnpqrstuvwxyz23456789", 12
_ADDRESS = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")
# What the edge's own addresses begin with.
_TAKEN = re.compile(r"[a-z0-9]-.*")


class CannotBePublished(Invalid):
    """Something you chose cannot be published like this."""


class ArtifactAlreadyMade(Refused):
    """This form was sent twice. The artifact is there already."""


class AlreadyShown(Refused):
    """This deployment is the one that is shown already."""


class StillShown(Refused):
    """This deployment is shown. Bring back another one first, then remove it."""


@dataclass(frozen=True, slots=True)
class Access:
    """Who may see an artifact. `password` only where it is asked for; None keeps the one that there is."""

    kind: str
    password: str | None = None


def create_artifact(
    *, actor: Actor, name: str, access: Access, address: str = "", artifact_id: UUID | None = None
) -> Artifact:
    """Make an artifact; nothing is shown before its first deployment. `address` begins the host name, in the clear.

    Raises:
        Denied, CannotBePublished: `errors` points at what is wrong. ArtifactAlreadyMade.
    """
    gate.require(actor, Permission.SHARES_CREATE)
    artifact = Artifact(
        id=artifact_id or new_id(),
        organization_id=actor.organization_id,
        environment_id=environment_of(actor),
        name=_name(name),
        label=_label(address),
        access=_ruled(actor, _kind(access)),
        password=_hashed(access, ""),
        created_by_kind=actor.kind,
        created_by_id=actor.id,
        created_by_label=actor.label,
    )
    try:
        with transaction.atomic():
            artifact.save(force_insert=True)
    except IntegrityError as error:
        if "artifacts_artifact_pkey" in str(error):
            raise ArtifactAlreadyMade from error
        raise
    after = {"access": artifact.access, "label": artifact.label}
    recorder.record(actor, Tag.ARTIFACT_CREATED, target=target_of(artifact), after=after)
    return artifact


def change_artifact(
    *, actor: Actor, artifact_id: UUID, name: str | None = None, access: Access | None = None
) -> Artifact:
    """Give it another name, or let others see it. Whoever came in by the former rule is out within a minute.

    Raises NotFound, Denied, CannotBePublished.
    """
    artifact = selectors.lock_artifact(actor, artifact_id, Permission.SHARES_CREATE)
    before = {"name": artifact.name, "access": artifact.access}
    if name is not None:
        artifact.name = _name(name)
    fields = ["name"]
    new_password = access is not None and bool(access.password)
    if access is not None:
        kind = _kind(access)
        if kind != artifact.access:
            _ruled(actor, kind)
        hashed = _hashed(access, artifact.password)
        if (kind, hashed) != (artifact.access, artifact.password):
            # The next second: whoever came in up to now is out. Twice within a second it goes on counting.
            since = max(artifact.policy, int(now().timestamp())) + 1
            artifact.access, artifact.password, artifact.policy = kind, hashed, since
            fields += ["access", "password", "policy"]
    artifact.save(update_fields=fields)
    after = {"name": artifact.name, "access": artifact.access, "new_password": new_password}
    recorder.record(actor, Tag.ARTIFACT_CHANGED, target=target_of(artifact), before=before, after=after)
    return artifact


def show_deployment(*, actor: Actor, artifact_id: UUID, number: int) -> Artifact:
    """Switch to another deployment: forwards or back, at once. Raises NotFound, Denied, AlreadyShown."""
    artifact = selectors.lock_artifact(actor, artifact_id, Permission.SHARES_CREATE)
    selectors.get_deployment(actor, artifact, number)
    if artifact.current == number:
        raise AlreadyShown
    before, artifact.current = artifact.current, number
    artifact.save(update_fields=["current"])
    recorder.record(
        actor,
        Tag.ARTIFACT_ROLLED_BACK,
        target=target_of(artifact),
        before={"deployment": before},
        after={"deployment": number},
    )
    return artifact


def remove_deployment(*, actor: Actor, artifact_id: UUID, number: int) -> None:
    """Delete a deployment that is not shown. Its number is never used again. Raises NotFound, Denied, StillShown."""
    artifact = selectors.lock_artifact(actor, artifact_id, Permission.SHARES_REVOKE)
    deployment = selectors.get_deployment(actor, artifact, number)
    if artifact.current == number:
        raise StillShown
    before = {"deployment": number, "files": deployment.files, "size": deployment.size}
    rows = Deployment.objects.filter(organization_id=actor.organization_id, pk=deployment.pk)
    drop_held(actor.organization_id, lambda: rows.values_list("blob_id", flat=True), lambda: _forget(deployment))
    recorder.record(actor, Tag.ARTIFACT_CHANGED, target=target_of(artifact), before=before)


def remove_artifact(*, actor: Actor, artifact_id: UUID) -> Artifact:
    """Delete an artifact with everything: its address answers nothing any more. Raises NotFound, Denied."""
    artifact = selectors.lock_artifact(actor, artifact_id, Permission.SHARES_REVOKE)
    target = target_of(artifact)
    before = {"label": artifact.label, "access": artifact.access, "deployments": artifact.deployed}
    deployments = Deployment.objects.filter(organization_id=actor.organization_id, artifact_id=artifact.pk)

    drop_held(actor.organization_id, lambda: deployments.values_list("blob_id", flat=True), lambda: _forget(artifact))
    recorder.record(actor, Tag.ARTIFACT_REMOVED, target=target, before=before)
    return artifact


def _forget(row: Artifact | Deployment) -> None:
    """What is below goes by the database's own references: the ORM would fetch the row of every file first."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"DELETE FROM {row._meta.db_table} WHERE organization_id = %s AND id = %s",  # noqa: S608, SLF001 - a table of ours, by Django's documented name
            [row.organization_id, row.pk],
        )


def _name(raw: str) -> str:
    name = " ".join(raw.split())
    if not 1 <= len(name) <= NAME_LENGTH or not name.isprintable():
        raise _fault("/name", f"Write one line of at most {NAME_LENGTH} characters.")
    return name


def _label(address: str) -> str:
    """A host name that nobody finds by trying, after the words that were asked for."""
    if address and (not _ADDRESS.fullmatch(address) or "--" in address or _TAKEN.fullmatch(address + "-")):
        raise _fault(
            "/address", f"Use 2 to {ADDRESS_MOST} letters from a to z, digits and single hyphens, like q3-report."
        )
    word = "".join(random.choice(ALPHABET) for _ in range(RANDOM_LENGTH))
    return f"{address}-{word}" if address else word


def _kind(access: Access) -> str:
    if access.kind not in Artifact.Access.values:
        raise _fault("/access", "Choose link, password or open.")
    return access.kind


def _ruled(actor: Actor, kind: str) -> str:
    """The same, if the organization's sharing rules let this member publish so."""
    if wrong := wrong_with_access(cap_of(actor), kind):
        raise _fault("/access", wrong)
    return kind


def _hashed(access: Access, former: str) -> str:
    """What is kept of the password that is asked for; "" where none is."""
    if access.kind != Artifact.Access.PASSWORD:
        if access.password:
            raise _fault("/password", "A password is asked for only where access is by password.")
        return ""
    if access.password is None and former:
        return former
    if access.password is None or not PASSWORD_LEAST <= len(access.password) <= PASSWORD_MOST:
        raise _fault("/password", f"A password has {PASSWORD_LEAST} to {PASSWORD_MOST} characters.")
    return passwords.hash_secret(access.password)


def _fault(pointer: str, detail: str) -> CannotBePublished:
    return CannotBePublished(detail, errors=[{"pointer": pointer, "detail": detail}])
