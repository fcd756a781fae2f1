"""Making and unmaking platform operators: on the server, as the role that owns the database (ACC-10)."""

from dataclasses import replace

from django.db import ProgrammingError, transaction

from audit import recorder
from audit.recorder import Target
from audit.tags import PersonTag, Tag
from hq.authz.actor import Actor, Origin, system_actor
from hq.authz.permissions import AuthMethod
from hq.db.models import PLATFORM_ID
from hq.lib.errors import Denied, NotFound
from tenants.actions.chains import record_for_deployment
from tenants.actions.support import end_support_of
from tenants.models import User


class OnlyOnTheServer(Denied):
    """Operators are made and unmade on the server only, by bin/manage or as the role hq_owner."""


def server_actor() -> Actor:
    """Whoever has a shell on the server. HQ cannot know who that is."""
    return replace(system_actor(PLATFORM_ID), method=AuthMethod.SERVER, label="The server")


def promote_operator(*, email: str) -> User:
    """Make a person a platform operator. The database refuses it to the role that serves the web. Raises NotFound."""
    return _set(email, operator=True)


def demote_operator(*, email: str) -> User:
    """Make a person an operator no longer; what they had begun anywhere is over at once. Raises NotFound."""
    user = _set(email, operator=False)
    end_support_of(actor=server_actor(), person_id=user.pk, how="demotion")
    return user


@transaction.atomic
def _set(email: str, *, operator: bool) -> User:
    user = User.objects.select_for_update(no_key=True).filter(email=email.strip().lower()).first()
    if user is None:
        raise NotFound("Nobody has signed up with this address.")
    if user.is_operator == operator:
        return user
    user.is_operator = operator
    try:
        user.save(update_fields=["is_operator"])
    except ProgrammingError as error:
        raise OnlyOnTheServer from error
    told = PersonTag.OPERATOR_PROMOTED if operator else PersonTag.OPERATOR_DEMOTED
    recorder.record_person(told, person_id=user.pk, origin=Origin())
    tag = Tag.OPERATOR_PROMOTED if operator else Tag.OPERATOR_DEMOTED
    record_for_deployment(server_actor(), tag, target=Target("person", user.pk, user.label))
    return user
