"""Who reads and writes only below some folders (ACC-2): what they see is theirs, and nothing tells of the rest."""

import random
from dataclasses import replace
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from hq.authz.actor import Actor
from hq.authz.levels import Level
from hq.authz.permissions import SCOPES, Permission
from hq.authz.roles import GRANTS, Role
from hq.db.context import tenant
from hq.lib.errors import Denied
from tenants import actions as tenants
from tests.factories import Place, sign_in
from tests.vault.http import Api, body
from tests.vault.limited import Member, let_rules_decide, member, store
from tests.vault.test_list_objects import expected
from vault import actions, selectors
from vault.actions import NameTaken
from vault.selectors import Folder

PATHS = [
    "claims/2026-q3-draft/x",
    "claims/2026-q3/a.csv",
    "claims/2026-q3/deep/b.csv",
    "claims/2026-q4/x",
    "claims/overview",
    "hr/pay/feb",
    "hr/pay/jan",
    "hr/reviews/x",
    "notice",
    "zoo/a",
]
DELETED = ["claims/2026-q3/gone", "claims/gone", "hr/pay/gone", "hr/reviews/gone", "zoo/gone"]
GIVEN = {"claims/2026-q3/": Level.READ, "hr/pay/": Level.WRITE}
THEIRS = [path for path in PATHS if path.startswith(tuple(GIVEN))]
# There, not there, deleted, above, beside, and a name that begins like theirs.
NOT_THEIRS = ["zoo/a", "zoo/none", "zoo/gone", "notice", "claims/overview", "claims/2026-q3", "claims/2026-q3-draft/x"]


@pytest.fixture
def limited(place: Place) -> Member:
    store(place, PATHS, DELETED)
    let_rules_decide(place)
    ann = member(place)
    for prefix, level in GIVEN.items():
        ann.give(prefix, level)
    return ann


@pytest.fixture
def committed(committed_place: Place) -> Member:
    """For requests: a refusal undoes its transaction."""
    store(committed_place, PATHS, DELETED)
    let_rules_decide(committed_place)
    ann = member(committed_place)
    for prefix, level in GIVEN.items():
        ann.give(prefix, level)
    return ann


def listed(actor: Actor, **more: Any) -> list[str]:
    with tenant(actor.organization_id):
        return [entry.path for entry in selectors.list_objects(actor, **{"limit": 100, **more})]


def by_pages(actor: Actor, limit: int, **more: Any) -> list[str]:
    seen: list[str] = []
    after = ""
    while True:
        with tenant(actor.organization_id):
            rows = selectors.list_objects(actor, limit=limit, after=after, **more)
        seen += [entry.path for entry in rows[:limit]]
        if len(rows) <= limit:
            return seen
        after = selectors.position(rows[limit - 1])


# ---- lists


def test_a_list_gives_what_is_theirs_in_order(limited: Member) -> None:
    assert listed(limited.actor) == THEIRS
    assert listed(limited.actor, prefix="hr/") == ["hr/pay/feb", "hr/pay/jan"]
    assert listed(limited.actor, prefix="claims/2026-q3/d") == ["claims/2026-q3/deep/b.csv"]
    assert listed(limited.actor, prefix="claims/2026-q4") == []


def test_above_their_folders_only_the_ways_there_show_with_their_own_counts(limited: Member) -> None:
    with tenant(limited.place.id):
        top = selectors.list_objects(limited.actor, folders=True)
        assert top == [Folder("claims/", 2, False), Folder("hr/", 2, False)]
        assert selectors.list_objects(limited.actor, prefix="claims/", folders=True) == [
            Folder("claims/2026-q3/", 2, False)
        ]
        assert listed(limited.actor, prefix="claims/2026-q3/", folders=True) == [
            "claims/2026-q3/deep/",
            "claims/2026-q3/a.csv",
        ]
        totals = selectors.count_below(limited.actor, "")
    assert (totals.objects, totals.size) == (4, sum(map(len, THEIRS)))


def test_a_folder_that_was_given_shows_although_nothing_is_in_it(limited: Member) -> None:
    limited.give("inbox/ann/", Level.WRITE)
    with tenant(limited.place.id):
        assert Folder("inbox/", 0, False) in selectors.list_objects(limited.actor, folders=True)


@pytest.mark.parametrize("folder", ["zoo/", "hr/reviews/", "claims/2026-q3-draft/", "nothing/", "claims/2026-q4/x/"])
def test_a_folder_out_of_reach_is_refused_in_the_same_words_whatever_is_in_it(limited: Member, folder: str) -> None:
    with tenant(limited.place.id):
        for look in (
            lambda: selectors.list_objects(limited.actor, prefix=folder),
            lambda: selectors.list_objects(limited.actor, prefix=folder, folders=True),
            lambda: selectors.count_below(limited.actor, folder),
        ):
            with pytest.raises(Denied, match=r"^objects:read is not granted to you\.$"):
                look()


@pytest.mark.parametrize("after", ["oclaims/overview", "ozoo/a", "dzoo/", "oa", "dclaims/", "ohr/pay/feb"])
def test_a_cursor_leads_nowhere_that_is_not_theirs(limited: Member, after: str) -> None:
    assert set(listed(limited.actor, after=after)) <= set(THEIRS)
    assert set(listed(limited.actor, after=after, folders=True)) <= {"claims/", "hr/"}


def test_random_rules_on_random_trees_give_what_the_slow_way_gives(limited: Member) -> None:
    chosen = random.Random(20261122)
    names = ["a", "a0", "a-", "b", "B", "é", "z z"]
    paths: list[str] = []
    while len(paths) < 40:
        path = "r/" + "/".join(chosen.choices(names, k=chosen.randint(1, 4)))
        if not any(other == path or other.startswith(f"{path}/") or path.startswith(f"{other}/") for other in paths):
            paths.append(path)
    store(limited.place, paths)
    folders = sorted({path[: path.rindex("/") + 1] for path in paths} - {"r/"})
    for _ in range(6):
        given = chosen.sample(folders, 3)
        for folder in given:
            limited.give(folder)
        theirs = [path for path in [*PATHS, *paths] if path.startswith((*GIVEN, *given))]
        for prefix in {"", "r/", *(chosen.choice(given)[: chosen.randint(2, 9)] for _ in range(3))}:
            wanted = sorted((path for path in theirs if path.startswith(prefix)), key=str.encode)
            assert by_pages(limited.actor, 3, prefix=prefix) == wanted, (given, prefix)
            assert by_pages(limited.actor, 2, prefix=prefix, folders=True) == expected(prefix, theirs), (given, prefix)
        for folder in given:
            limited.withdraw(folder)


def test_a_thousand_rules_still_take_few_queries_and_a_page_s_work(limited: Member) -> None:
    from tenants.models import AclEntry

    with tenant(limited.place.id):
        AclEntry.objects.bulk_create(
            AclEntry(
                organization_id=limited.place.id,
                environment_id=limited.place.live_id,
                membership_id=limited.membership.id,
                prefix=f"{where}/{number:04}/",
                level=Level.READ,
                created_by_id=limited.person.pk,
            )
            for number in range(500)
            for where in ("a", "z")
        )
        with CaptureQueriesContext(connection) as queries:
            assert listed(limited.actor) == THEIRS
        assert len(queries) <= 12
        with CaptureQueriesContext(connection) as few:
            assert len(listed(limited.actor, limit=1, prefix="claims/")) == 2
        assert len(few) < len(queries)
        assert len(listed(limited.actor, prefix="z/", folders=True)) == 101


def test_a_page_is_found_by_ranges_of_the_index(limited: Member) -> None:
    """With few rows the planner must be told that it may not read through the table."""
    with tenant(limited.place.id), CaptureQueriesContext(connection) as queries:
        selectors.list_objects(limited.actor)
        selectors.list_objects(limited.actor, folders=True)
        selectors.count_below(limited.actor, "")
        lateral = [query["sql"] for query in queries if "LATERAL" in query["sql"]]
        assert len(lateral) == 3
        with connection.cursor() as cursor:
            for way in ("seqscan", "bitmapscan", "sort", "incremental_sort"):
                cursor.execute(f"SET LOCAL enable_{way} = off")
            for statement in lateral:
                cursor.execute(f"EXPLAIN {statement}")
                plan = "\n".join(line for (line,) in cursor.fetchall())
                assert "Seq Scan" not in plan
                assert "within.start" in plan.partition("Index Cond:")[2].partition("\n")[0], plan


# ---- who is limited, and by what


def test_a_rule_for_a_group_counts_for_its_members_and_ends_with_it(limited: Member) -> None:
    bert = member(limited.place, Role.ANALYST)
    with pytest.raises(Denied):
        listed(bert.actor)
    with tenant(limited.place.id):
        owner = limited.place.actor()
        group = tenants.create_group(actor=owner, name="Claims")
        tenants.put_in_group(actor=owner, group_id=group.id, membership_ids=[bert.membership.id])
        tenants.give_access(actor=owner, prefix="claims/", level=Level.READ, group_id=group.id)
    assert listed(bert.actor) == [path for path in PATHS if path.startswith("claims/")]
    with tenant(limited.place.id):
        tenants.take_out_of_group(actor=owner, group_id=group.id, membership_ids=[bert.membership.id])
    with pytest.raises(Denied):
        listed(bert.actor)


def test_a_rule_adds_to_a_role_that_opens_nothing(place: Place) -> None:
    store(place, PATHS)
    auditor = member(place, Role.AUDITOR)
    with pytest.raises(Denied):
        listed(auditor.actor)
    auditor.give("hr/")
    assert listed(auditor.actor) == [path for path in PATHS if path.startswith("hr/")]


def test_a_rule_takes_nothing_from_a_role_that_opens_everything(place: Place) -> None:
    store(place, PATHS)
    analyst = member(place, Role.ANALYST)
    analyst.give("hr/", Level.WRITE)
    assert listed(analyst.actor) == PATHS
    actions.put_object(actor=analyst.actor, path="hr/new", chunks=[b"x"])
    with pytest.raises(Denied):
        actions.put_object(actor=analyst.actor, path="claims/new", chunks=[b"x"])


def test_a_rule_on_everything_opens_everything_and_in_one_environment_only(limited: Member) -> None:
    limited.give("")
    assert listed(limited.actor) == PATHS
    assert listed(limited.actor, folders=True)[-1] == "notice"
    with pytest.raises(Denied):
        listed(limited.actor.at(limited.place.test_id))


def test_the_bucket_s_figures_are_for_those_who_read_all_of_it(limited: Member) -> None:
    with tenant(limited.place.id), pytest.raises(Denied):
        selectors.bucket_stats(limited.actor)


# ---- over /v1


@pytest.mark.parametrize(("verb", "answers"), [("GET", 200), ("HEAD", 200), ("PUT", 200), ("DELETE", 204)])
def test_each_verb_works_on_theirs_and_answers_the_same_403_on_all_else(
    committed: Member, verb: str, answers: int
) -> None:
    api = committed.api()
    answer = api(verb, "objects/hr/pay/jan", b"x" if verb == "PUT" else b"")
    answer.close()
    assert answer.status_code == answers
    told = {_refusal(api(verb, f"objects/{path}", b"x" if verb == "PUT" else b"")) for path in NOT_THEIRS}
    assert len(told) == 1
    if verb in {"PUT", "DELETE"}:
        assert api(verb, "objects/claims/2026-q3/a.csv", b"x").status_code == 403  # theirs to read


def test_history_and_what_was_deleted_are_theirs_or_refused(committed: Member) -> None:
    api = committed.api()
    assert len(api("GET", "object-versions?path=hr/pay/gone").json()["items"]) == 1
    assert len({_refusal(api("GET", f"object-versions?path={path}")) for path in NOT_THEIRS}) == 1
    assert len({_refusal(api("GET", f"object-metadata?path={path}")) for path in NOT_THEIRS}) == 1
    assert len({_refusal(api("GET", f"objects/{path}?version=1")) for path in NOT_THEIRS}) == 1
    told = {_refusal(api.json("POST", "object-restores", {"path": path, "version": 1})) for path in NOT_THEIRS}
    assert len(told) == 1
    first = api("GET", "deleted-objects?limit=1").json()
    rest = api("GET", f"deleted-objects?limit=1&cursor={first['next_cursor']}").json()
    assert [item["path"] for page in (first, rest) for item in page["items"]] == ["hr/pay/gone", "claims/2026-q3/gone"]
    assert rest["next_cursor"] is None
    assert api.json("POST", "object-restores", {"path": "claims/2026-q3/gone"}).status_code == 403  # theirs to read
    assert api.json("POST", "object-restores", {"path": "hr/pay/gone"}).status_code == 201


def _refusal(response: Any) -> str:
    assert response.status_code == 403
    told: str = response.content.decode().partition('"instance"')[0]
    return told


def test_a_rule_counts_from_the_next_request_on_and_no_longer_than_it_is_there(committed: Member) -> None:
    api = committed.api()
    assert body(api.get("hr/pay/jan")) == b"hr/pay/jan"
    committed.withdraw("hr/pay/")
    assert api.get("hr/pay/jan").status_code == 403
    committed.give("hr/")
    assert body(api.get("hr/pay/jan")) == b"hr/pay/jan"


def test_a_key_reaches_no_further_than_its_scopes(committed: Member) -> None:
    actor = replace(committed.actor, permissions=GRANTS[Role.DEVELOPER])
    with tenant(committed.place.id):
        scopes = SCOPES & frozenset({Permission.OBJECTS_READ})
        made = tenants.create_api_key(actor=actor, name="reads", scopes=scopes)
    api = Api(committed.place, made.secret)
    assert body(api.get("hr/pay/jan")) == b"hr/pay/jan"
    assert api.put("hr/pay/jan").status_code == 403


def test_a_service_account_s_key_reaches_what_rules_give_the_account(committed: Member) -> None:
    owner = committed.place.actor()
    with tenant(committed.place.id):
        account = tenants.create_service_account(actor=owner, name="Importer")
        tenants.give_access(actor=owner, prefix="hr/pay/", level=Level.WRITE, service_account_id=account.id)
        scopes = frozenset({Permission.OBJECTS_READ, Permission.OBJECTS_WRITE})
        made = tenants.create_api_key(actor=owner, name="k", scopes=scopes, service_account_id=account.id)
    api = Api(committed.place, made.secret)
    assert [item["path"] for item in api("GET", "objects").json()["items"]] == ["hr/pay/feb", "hr/pay/jan"]
    assert api.put("hr/pay/mar").status_code == 201
    assert api.put("hr/mar").status_code == 403


def test_a_taken_name_tells_nothing_of_a_file_that_is_not_theirs(limited: Member) -> None:
    limited.give("notice/mine/", Level.WRITE)
    with pytest.raises(NameTaken, match=r"^A file and a folder"):
        actions.put_object(actor=limited.actor, path="notice/mine/x", chunks=[b"x"])


# ---- in the portal


def test_the_files_pages_show_theirs_and_offer_what_each_folder_allows(committed: Member) -> None:
    client, base = sign_in(committed.person), f"/o/{committed.place.slug}/live/files/"
    top = client.get(base).content.decode()
    assert "?folder=claims/" in top
    assert not [word for word in ("zoo", "notice", "data-prefix") if word in top]
    assert f'href="{base}"' in client.get(f"/o/{committed.place.slug}/live/").content.decode()
    pages = [client.get(f"{base}?folder={folder}").content.decode() for folder in ("hr/pay/", "claims/2026-q3/")]
    writable, readable = pages
    assert "data-prefix" in writable
    assert ">Delete<" in writable
    assert "data-prefix" not in readable
    assert ">Delete<" not in readable
    gone = client.get(f"{base}deleted").content.decode()
    assert "hr/pay/gone" in gone
    assert gone.count(">Restore<") == 1
    assert "zoo" not in gone
    found = client.get(f"{base}?q=z").content.decode()
    assert "No name here begins like this" in found
    undo = client.get(f"{base}?undo=zoo/gone&undo=hr/pay/gone&undo=claims/2026-q3/gone").content.decode()
    assert undo.count("is deleted. Nothing of it is lost.") == 1


@pytest.mark.parametrize("address", ["?folder={0}/", "row?path={0}", "versions?path={0}", "objects/{0}"])
def test_a_page_of_what_is_not_theirs_is_refused_whether_it_is_there_or_not(committed: Member, address: str) -> None:
    client, base = sign_in(committed.person), f"/o/{committed.place.slug}/live/files/"
    for path in ("zoo/a", "zoo/none", "zoo/gone", "claims/overview"):
        assert client.get(base + address.format(path)).status_code == 403, path


def test_of_the_ticked_files_none_is_deleted_unless_all_may_be(committed: Member) -> None:
    client, base = sign_in(committed.person), f"/o/{committed.place.slug}/live/files/"
    for other in ("zoo/a", "zoo/none", "claims/2026-q3/a.csv"):
        answer = client.post(f"{base}chosen", {"path": ["hr/pay/jan", other], "action": "delete", "folder": ""})
        assert answer.status_code == 403
    assert "hr/pay/jan" in listed(committed.actor)
    assert client.post(f"{base}chosen", {"path": ["hr/pay/jan"], "action": "delete"}).status_code == 302
    assert "hr/pay/jan" not in listed(committed.actor)


def test_uploads_go_where_they_may_write(committed: Member) -> None:
    client, base = sign_in(committed.person), f"/o/{committed.place.slug}/live/files/"
    assert client.put(f"{base}objects/hr/pay/mar", b"x").status_code == 201
    for path in ("claims/2026-q3/new", "zoo/new", "new"):
        assert client.put(f"{base}objects/{path}", b"x").status_code == 403, path
