"""Making an organization, and making it ready."""

from uuid import UUID

from django.db import IntegrityError

from audit import recorder
from audit.recorder import Target
from audit.tags import PersonTag, Tag
from hq.authz import gate
from hq.authz.actor import Actor, Origin, system_actor
from hq.authz.permissions import AuthMethod, Permission
from hq.authz.roles import Role
from hq.db.context import tenant
from hq.lib.errors import Refused
from hq.lib.ids import new_id
from jobs import actions as jobs
from jobs.registry import RunningJob
from keys import actions as keys
from tenants import provisioning
from tenants.models import LIVE, TEST, Environment, Membership, Organization, User


class OrganizationNameTaken(Refused):
    """An organization with this address exists already; choose another name."""


class AlreadyMade(Refused):
    """This form was sent twice; what it makes is already there."""


def create_organization(
    *,
    person: User,
    name: str,
    region: str,
    origin: Origin,
    organization_id: UUID | None = None,
    made_by: UUID | None = None,
) -> Organization:
    """Make an organization with its owner, and start provisioning. Any signed-in person may make their own.

    `made_by` is the operator who makes it for them.
    """
    organization = Organization(
        id=organization_id or new_id(),
        name=name,
        slug=Organization.slug_for(name),
        region=region,
        created_by_id=made_by or person.pk,
    )
    try:
        with tenant(organization.id):
            organization.save(force_insert=True)
            Environment.objects.create(organization=organization, name=LIVE)
            Environment.objects.create(organization=organization, name=TEST)
            Membership.objects.create(organization=organization, user=person, role=Role.OWNER)
            jobs.enqueue(
                "tenants.provision",
                organization_id=organization.id,
                payload={"origin_ip": origin.ip or ""},
                key="provision",
            )
            recorder.record_person(
                PersonTag.ORGANIZATION_CREATED, person_id=person.pk, origin=origin, target_id=str(organization.id)
            )
    except IntegrityError as error:
        if "tenants_organization_pkey" in str(error):
            raise AlreadyMade from error
        raise OrganizationNameTaken from error
    return organization


def provision(job: RunningJob) -> None:
    """Run every step in order. Killed anywhere, it is run again from the start and changes nothing twice."""
    with tenant(job.organization_id):
        actor = _provisioner(job.organization_id)
    todo = provisioning.steps()
    for done, step in enumerate(todo):
        job.progress(done, len(todo), step.title)
        with job.step():
            step.run(actor)
    job.progress(len(todo), len(todo), "Ready")
    with job.step():
        _finish(actor, job)
        job.complete()


def _provisioner(organization_id: UUID) -> Actor:
    live = Environment.objects.get(organization_id=organization_id, name=LIVE)
    return system_actor(
        organization_id, Permission.ORGANIZATION_PROVISION, environment_id=live.id, home_environment_id=live.id
    )


def _finish(actor: Actor, job: RunningJob) -> None:
    organization = Organization.objects.select_for_update(no_key=True).get(pk=actor.organization_id)
    if organization.state == Organization.State.READY:
        return
    organization.state = Organization.State.READY
    organization.save(update_fields=["state"])
    person = User.objects.get(pk=organization.created_by_id)
    own = Membership.objects.filter(organization_id=organization.id, role=Role.OWNER).select_related("user")
    owner = own.order_by("joined_at", "id")[0].user
    maker = Actor(
        organization_id=organization.id,
        kind="person" if person == owner else "operator",
        id=person.pk,
        label=person.label,
        method=AuthMethod.SESSION,
        permissions=frozenset(),
        home_environment_id=actor.home_environment_id,
        origin=Origin(ip=job.payload["origin_ip"] or None),
    )
    target = Target("organization", organization.id, organization.name)
    recorder.record(
        maker,
        Tag.ORGANIZATION_CREATED,
        target=target,
        after={"name": organization.name, "region": organization.region, "owner": owner.label},
    )
    recorder.record(
        actor, Tag.ORGANIZATION_PROVISIONED, target=target, after={step.name: "done" for step in provisioning.steps()}
    )


def _make_keys(actor: Actor) -> str:
    gate.require(actor, Permission.ORGANIZATION_PROVISION)
    keys.provision_keys(actor=actor)
    return "A key of its own."


def _make_environment_keys(actor: Actor) -> str:
    for environment in Environment.objects.filter(organization_id=actor.organization_id).order_by("name"):
        keys.provision_environment_keys(actor=actor, environment_id=environment.id)
    return "Environments live and test, each with its own capability key."


def register_steps() -> None:
    """The steps of this room, in order."""
    provisioning.add_step("cmk", "Making the organization's own key", _make_keys)
    provisioning.add_step("environments", "Making the environments live and test", _make_environment_keys)
