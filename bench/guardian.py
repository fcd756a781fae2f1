"""The peer: django-guardian keeps a row for each person and object, and answers by its own `get_objects_for_user`.

Its tables stand beside ours and name the same objects and people. They hold the rows of those people only whom the
bench asks about, where all would be tens of millions; a smaller table is no disadvantage to it. It is asked for no
groups and no superusers.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import connection
from django.db.models import QuerySet
from django.test.utils import override_settings

from bench.access_data import administrator
from hq.authz.actor import Actor, environment_of
from tenants.models import User

_ROWS = """
    INSERT INTO guardian_userobjectpermission (permission_id, content_type_id, object_pk, user_id)
    SELECT DISTINCT %(permission)s::int, %(content_type)s::int, seen.id::text, %(person)s::uuid
    FROM tenants_aclentry AS entry JOIN vault_storedobject AS seen
        ON seen.organization_id = entry.organization_id AND seen.environment_id = entry.environment_id
        AND seen.path >= entry.prefix COLLATE "C" AND seen.path < entry.prefix || U&'\\+10FFFF' COLLATE "C"
    WHERE entry.membership_id = %(membership)s
"""

Visible = Callable[[User, Actor], "QuerySet[Any]"]


@contextmanager
def guardian(people: list[tuple[User, Actor]]) -> Iterator[Visible]:
    """Its tables, filled for these people; what gives their objects."""
    with override_settings(INSTALLED_APPS=[*settings.INSTALLED_APPS, "guardian"]), _tables():
        from guardian.shortcuts import get_objects_for_user

        from vault.models import StoredObject

        _fill(people)

        def visible(person: User, actor: Actor) -> "QuerySet[Any]":
            rows = StoredObject.objects.filter(
                organization_id=actor.organization_id, environment_id=environment_of(actor), deleted_at=None
            )
            found: QuerySet[Any] = get_objects_for_user(
                person, "vault.view_storedobject", klass=rows, use_groups=False, with_superuser=False
            )
            return found.order_by("path")

        yield visible
    apps.all_models.pop("guardian")


@contextmanager
def _tables() -> Iterator[None]:
    from guardian.models import UserObjectPermission

    with connection.schema_editor(collect_sql=True) as editor:
        editor.create_model(UserObjectPermission)
    with administrator() as link:
        try:
            for statement in editor.collected_sql:
                if not statement.startswith("--"):
                    link.execute(statement)
            link.execute("GRANT SELECT ON guardian_userobjectpermission TO hq_app")
            yield
        finally:
            link.execute("DROP TABLE IF EXISTS guardian_userobjectpermission")


def _fill(people: list[tuple[User, Actor]]) -> None:
    from django.contrib.auth.models import Permission
    from django.contrib.contenttypes.models import ContentType

    content_type = ContentType.objects.get(app_label="vault", model="storedobject")
    permission = Permission.objects.get(content_type=content_type, codename="view_storedobject")
    with administrator() as link:
        for person, actor in people:
            named = {"permission": permission.pk, "content_type": content_type.pk, "person": person.pk}
            link.execute(_ROWS, named | {"membership": actor.principal_id})
        link.execute("VACUUM ANALYZE guardian_userobjectpermission")
