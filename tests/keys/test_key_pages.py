"""The pages of keys: what they say in each state, what they start, and that they stand when nothing else does."""

import re
from datetime import timedelta

import pytest
from django.test import Client

from hq.authz.roles import Role
from hq.crypto import statements
from hq.db.context import tenant
from hq.lib.clock import now
from jobs.models import Job
from keys import actions, rings
from keys.models import Cmk, DataKey, Holding, Rotation, SigningKey
from keys.providers import provider
from tests.factories import make_member, make_place, run_jobs, sign_in
from tests.keys.pages import World, has, text_of
from tests.keys.support import rotate, settle
from tests.test_constant_queries import statements as asked_of_the_database

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    return World()


class TestThePage:
    def test_a_new_organization_has_one_version_and_no_statement(self, world):
        has(world.page(), "In use", "Version 1", "Set-up", "Counting…", "No statement yet", "HQ’s own key store")

    def test_it_says_how_much_the_key_protects_once_that_was_counted(self, world):
        held = actions.count_held(world.place.id)
        page = world.page()
        has(page, f"{sum(one.rows for one in held.values())} rows", "counted 0 s ago")
        assert "Counting…" not in page

    def test_a_data_key_says_what_stands_under_it_and_when_it_is_renewed(self, world):
        actions.count_held(world.place.id)
        with tenant(world.place.id):
            rows = Holding.objects.get(holder="vault_blob").rows
        page = world.page()
        has(page, f"Files {rows} row", "Next by")

    def test_a_data_key_says_how_often_it_was_used_and_for_whom_last(self, world):
        rings.cache.report()
        has(world.page(), "Olive Owner")
        rows = DataKey.objects.filter(purpose="content")
        world.change(rows, uses=1234, last_used_by_kind="system", last_used_by_id=world.place.id)
        has(world.page(), "1,234", "by HQ")

    def test_an_overdue_rotation_is_said_with_what_to_do(self, world):
        world.change(Cmk.objects, overdue_at=now(), rotated_at=now() - timedelta(days=400))
        has(world.page(), "Rotation overdue", "The yearly rotation is overdue", "Rotate now; if that stops too")
        auditor = sign_in(make_member(world.place, Role.AUDITOR))
        has(world.page(client=auditor), "An owner or an admin can start it by hand.")

    def test_a_key_that_its_provider_disabled_is_said_at_once_and_so_is_its_return(self, world):
        provider("embedded").disable_key(world.cmk.ref)
        has(world.page(), "Disabled in HQ’s own key store", "When whoever runs this deployment enables it")
        assert "In use" not in world.page()
        provider("embedded").enable_key(world.cmk.ref)
        assert "Disabled" not in world.page()

    def test_a_provider_without_an_answer_costs_the_answer_only(self, world, settings, tmp_path):
        settings.ROOT_KEY_FILE = tmp_path / "none"
        has(world.page(), "Cannot be used", "No answer that HQ can use", "Version 1")

    def test_it_asks_the_database_no_more_after_many_rotations(self, world):
        rotate(world.place)
        few = len(asked_of_the_database(world.page))
        for _ in range(2):
            rotate(world.place)
        assert len(asked_of_the_database(world.page)) <= few

    def test_those_who_only_read_are_offered_nothing(self, world):
        page = world.page(client=sign_in(make_member(world.place, Role.AUDITOR)))
        for verb in ("Rotate now", "Bring your own key", "Erase the organization’s keys"):
            assert verb not in page


class TestTheOverview:
    """What waits for those who look after keys stands where they begin."""

    def look(self, world, client=None) -> str:
        return text_of((client or world.client).get(f"/o/{world.place.slug}/live/"))

    def test_an_overdue_rotation(self, world):
        assert "Rotate the organization key" not in self.look(world)
        world.change(Cmk.objects, overdue_at=now())
        has(self.look(world), "Rotate the organization key", "Due since")
        assert "Rotate the organization key" not in self.look(world, sign_in(make_member(world.place, Role.AUDITOR)))

    def test_a_rotation_that_is_not_complete(self, world):
        rotate(world.place)
        world.change(Rotation.objects, state=Rotation.State.INCOMPLETE, unopened=3, statement_id=None)
        has(self.look(world), "Look at a rotation that is not complete")

    def test_a_rotation_that_is_paused(self, world):
        world.post("rotate")
        world.post(f"rotations/{world.rotation().id}/pause")
        has(self.look(world), "Go on with a paused rotation")

    def test_a_wish_to_destroy_for_the_one_who_asked_and_for_the_one_who_decides(self, world):
        world.ask()
        has(self.look(world), "Your wish to destroy a key waits")
        has(self.look(world, sign_in(world.second)), "Decide on destroying a key", "Olive Owner asks for it")


class TestRotating:
    def test_it_starts_at_once_and_goes_on_by_itself(self, world):
        actions.count_held(world.place.id)
        assert world.post("rotate", reason="Somebody left").status_code == 302
        assert world.rotation().state == Rotation.State.REQUESTED
        has(world.page(), "Rotating to version 2", "Waits for a worker", "Version 1 decrypts until no row uses it")
        run_jobs()
        page = world.page()
        has(page, "Version 2 made at", "Nothing is left", "when no process can hold it", "File contents", "1 of 1")
        has(page, "Taking over", "Decrypts", "Audit events")
        settle(world.place.id)
        page = world.page()
        has(page, "0 rows of Alder Peak were left on version 1 of its key", "Check it yourself", "Retired")
        assert "Rotation in progress" not in page

    def test_sent_twice_it_starts_once(self, world):
        for _ in range(2):
            assert world.post("rotate").status_code == 302
        with tenant(world.place.id):
            assert Rotation.objects.count() == 1
        has(world.page(), "A rotation of this key is under way")

    def test_it_is_paused_and_goes_on(self, world):
        world.post("rotate")
        world.post(f"rotations/{world.rotation().id}/pause")
        has(world.page(), "Rotation paused", "Go on", "Both versions stay readable")
        run_jobs()
        assert world.rotation().made_at is None
        world.post(f"rotations/{world.rotation().id}/resume")
        assert settle(world.place.id).state == Rotation.State.DONE
        world.post(f"rotations/{world.rotation().id}/pause")
        has(world.page(), "There is nothing to pause or to go on with")

    def test_work_that_fails_says_why_and_when_it_is_tried_again(self, world):
        world.post("rotate")
        provider("embedded").disable_key(world.cmk.ref)
        run_jobs()
        has(world.page(), "The work waits.", "The CMK is disabled.", "HQ tries again by itself")
        assert "Reads never pause" not in world.page()

    def test_what_cannot_begin_can_be_given_up(self, world):
        world.post("rotate")
        assert "Give it up" not in world.page()
        provider("embedded").disable_key(world.cmk.ref)
        run_jobs()
        has(world.page(), "Give it up")
        world.post(f"rotations/{world.rotation().id}/abandon")
        assert world.rotation().state == Rotation.State.ABANDONED
        page = world.page()
        has(page, "Nothing was changed.")
        assert "Rotation in progress" not in page

    def test_work_that_was_given_up_can_be_tried_again(self, world):
        world.post("rotate")
        world.change(
            Job.objects.filter(id=world.rotation().job_id), state="DEAD", error="Gone: It is gone.", finished_at=now()
        )
        has(world.page(), "The work has stopped.", "It is gone.", "Try again")
        world.post(f"rotations/{world.rotation().id}/resume")
        assert settle(world.place.id).state == Rotation.State.DONE

    def test_rows_that_do_not_open_are_counted_and_no_statement_is_shown(self, world):
        rotate(world.place)
        world.change(Rotation.objects, state=Rotation.State.INCOMPLETE, unopened=3, statement_id=None)
        has(world.page(), "could not be completed", "3 rows did not open", "no statement was signed")

    def test_the_section_asks_for_itself_until_the_page_has_to_change(self, world):
        htmx = {"HX-Request": "true"}
        world.post("rotate")
        section = world.client.get(world.url()).content.decode()
        seen = re.search(r"hx-get=\"([^\"]+)\"", section)
        assert seen
        assert "hx-get" in world.client.get(seen[1], headers=htmx).content.decode()
        run_jobs()
        assert world.client.get(seen[1], headers=htmx)["HX-Refresh"] == "true"
        assert world.client.get(seen[1]).status_code == 302
        settle(world.place.id)
        assert "hx-get" not in world.client.get(world.url()).content.decode()


class TestStatements:
    def test_the_file_is_the_one_that_was_signed_and_the_published_keys_open_it(self, world):
        rotate(world.place)
        found = world.client.get(world.url(f"statements/{world.rotation().statement_id}"))
        assert found["Content-Type"] == "application/json"
        assert re.fullmatch(r'attachment; filename="key-rotation-[0-9a-f-]+\.json"', found["Content-Disposition"])
        jwks = Client().get("/.well-known/jwks.json").json()
        assert statements.open_file(found.content, jwks)["rows_left"] == 0

    def test_the_page_beside_it_tells_the_steps(self, world):
        rotate(world.place)
        page = world.page(f"statements/{world.rotation().statement_id}/check")
        has(page, "bin/verify key-rotation-", "/.well-known/jwks.json", "openssl", "What it does not cover")

    def test_another_organizations_is_not_there(self, world):
        rotate(world.place)
        there = f"statements/{world.rotation().statement_id}"
        other = make_place()
        for rest in (there, f"{there}/check"):
            assert sign_in(other.owner).get(f"/o/{other.slug}/live/keys/{rest}").status_code == 404


class TestPublicKeys:
    def test_every_key_that_ever_signed_is_there_for_anybody(self, world, monkeypatch):
        later = now() + timedelta(days=366)
        monkeypatch.setattr("keys.actions.signing.now", lambda: later)
        actions.renew_signing_key()
        answer = Client().get("/.well-known/jwks.json")
        kids = [key["kid"] for key in answer.json()["keys"]]
        assert kids == list(SigningKey.objects.order_by("-id").values_list("kid", flat=True))
        assert len(kids) == 2
        assert {(key["alg"], key["use"], "d" in key) for key in answer.json()["keys"]} == {("EdDSA", "sig", False)}
        assert answer["Cache-Control"] == "public, max-age=300"

    def test_nothing_is_changed_by_asking(self):
        assert Client().post("/.well-known/jwks.json").status_code == 405


class TestBringingAKey:
    def test_the_page_gives_the_tag_and_the_statements_for_the_policy(self, world):
        page = world.page("bring")
        has(page, "hq:organization", str(world.place.id), "kms:EncryptionContext:hq:organization", "kms:ReEncryptTo")

    @pytest.mark.parametrize("action", ["check", "move"])
    def test_what_is_no_arn_is_refused_and_nothing_changes(self, world, action):
        answer = world.post("bring", ref="arn:aws:kms:eu-central-1:1:alias/x", action=action)
        assert answer.status_code == 400
        has(text_of(answer), "This is the ARN of an alias.", "HQ cannot use this key as it is.")
        with tenant(world.place.id):
            assert Cmk.objects.count() == 1
            assert not Rotation.objects.exists()

    def test_a_deployment_without_aws_says_so_before_and_at_the_try(self, world, settings, monkeypatch):
        has(world.page("bring"), "This deployment has no AWS region yet,")
        settings.KMS_REGION = "eu-central-1"
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_SESSION_TOKEN"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
        monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
        ref = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
        answer = world.post("bring", ref=ref, action="check")
        assert answer.status_code == 400
        has(text_of(answer), "HQ was given none", "gives HQ credentials for AWS", "Nothing was changed.")

    def test_there_is_nothing_to_return_from_hqs_own_store(self, world):
        has(world.page("give-back"), "There is nothing to return.")
        answer = world.post("give-back")
        assert answer.status_code == 400
        has(world.page("give-back"), "Back to the keys")
