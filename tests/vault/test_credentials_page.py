"""Storage credentials in the portal: got once, seen while they live, revoked."""

from audit.models import AuditEvent
from hq.db.context import tenant
from tests.factories import sign_in
from tests.vault.support import found
from vault.models import StorageCredential


def test_they_are_got_shown_once_and_revoked(committed_place):
    client, base = sign_in(committed_place.owner), f"/o/{committed_place.slug}/live/files/credentials"
    assert "No live credentials" in client.get(base).content.decode()
    form = client.get(f"{base}/new?folder=claims/").content.decode()
    assert "claims/</textarea>" in form
    once = found(r'name="once" value="([^"]+)"', form)[1]
    asked = {"once": once, "paths": "claims/\r\na/b\r\n", "permission": "write", "life": "900"}
    made = client.post(f"{base}/new", asked).content.decode()
    with tenant(committed_place.id):
        row = StorageCredential.objects.get()
        secret = row.secret
        assert (row.paths, row.permission) == (["a/b", "claims/"], "write")
    assert secret in made
    again = client.post(f"{base}/new", asked)
    assert (again.status_code, secret in again.content.decode()) == (400, False)
    listed = client.get(base).content.decode()
    assert row.access_key in listed
    assert secret not in listed
    assert client.get(f"{base}/{row.id}/revoke").status_code == 200
    assert client.post(f"{base}/{row.id}/revoke").status_code == 302
    assert row.access_key not in client.get(base).content.decode()
    assert client.get(f"{base}/{row.id}/revoke").status_code == 404
    with tenant(committed_place.id):
        assert AuditEvent.objects.filter(tag="credentials:issued").count() == 1


def test_what_is_wrong_with_the_form_is_said_beside_it(committed_place):
    client, base = sign_in(committed_place.owner), f"/o/{committed_place.slug}/live/files/credentials"
    once = found(r'name="once" value="([^"]+)"', client.get(f"{base}/new").content.decode())[1]
    asked = {"once": once, "paths": "../x/", "permission": "read", "life": "900"}
    answer = client.post(f"{base}/new", asked)
    assert answer.status_code == 400
    assert "only dots" in answer.content.decode()
    assert client.get(f"{base}?cursor=x").status_code == 400
