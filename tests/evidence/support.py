"""What tests of checkpoints begin with."""

from audit import recorder
from audit.models import AuditEvent
from audit.recorder import Target
from audit.tags import Log, Tag
from evidence.actions.checkpoints import make_checkpoint
from evidence.selectors import latest_checkpoint, origin_of, verifier_keys
from hq.crypto.chain import GENESIS
from hq.crypto.notes import read_note, read_verifier_key
from hq.crypto.transparency import check_checkpoint
from hq.db.context import tenant
from hq.lib.ids import new_id
from tests.database import as_superuser

ADMIN, ACCESS = Log.ADMIN, Log.ACCESS


def act(place, count=1):
    """So many administrative events, without anything being done."""
    with tenant(place.id):
        for _ in range(count):
            recorder.record(place.actor(), Tag.GROUP_CREATED, target=Target("group", new_id(), "Group"))


def checked(note, place, log=ADMIN):
    """What a stranger makes of a note who has the verifier key: the checkpoint, if it is one."""
    origin = origin_of(place.live_id, log)
    name, _, public = read_verifier_key(verifier_keys(origin)[0])
    assert name == origin
    return check_checkpoint(read_note(note.encode()), origin, public)


def behind_its_back(*statements):
    """As somebody who is the database's master and switches every trigger off."""
    with as_superuser() as link:
        link.execute("SET session_replication_role = replica")
        for statement in statements:
            link.execute(*statement) if isinstance(statement, tuple) else link.execute(statement)


def rewrite(place, *, first, change="share:revoked", keep=None):
    """Rewrite the administrative log from an event on, hash it anew, and make its tree anew: a master's whole attack.

    `keep` cuts it after so many events. The tree grows again when it is next asked for.
    """
    with tenant(place.id):
        events = list(AuditEvent.objects.filter(environment_id=place.live_id).order_by("index"))[:keep]
        previous = events[first - 2].hash if first > 1 else GENESIS
        statements = []
        for event in events[first - 1 :]:
            event.previous = previous
            event.tag = change if event.index == first and change else event.tag
            event.hash = previous = event.computed_hash()
            changed = (event.tag, event.previous, event.hash, event.pk)
            statements.append(("UPDATE audit_auditevent SET tag = %s, previous = %s, hash = %s WHERE id = %s", changed))
    where = (place.live_id,)
    behind_its_back(
        *statements,
        ("DELETE FROM audit_auditevent WHERE environment_id = %s AND index > %s", (place.live_id, len(events))),
        ("DELETE FROM audit_tile WHERE environment_id = %s AND log = 'admin'", where),
        ("DELETE FROM audit_loghead WHERE environment_id = %s AND log = 'admin'", where),
        (
            "UPDATE audit_chainhead SET length = %s, hash = %s WHERE environment_id = %s",
            (len(events), bytes(events[-1].hash), place.live_id),
        ),
    )


def make(place, log=ADMIN):
    """The newest checkpoint, made if the log has grown."""
    return make_checkpoint(place.id, place.live_id, log)


def newest(place, log=ADMIN):
    """The newest checkpoint, in the organization's own context."""
    with tenant(place.id):
        return latest_checkpoint(place.live_id, log)
