"""Whom a connection trusts signs in as anybody at the domains: so an admin cannot rise to an owner by it (ACC-4)."""

import pytest
from django.db import transaction

from directory.actions import connections as actions
from directory.actions.connections import OwnersTrust
from directory.actions.metadata import parse_metadata
from directory.models import SsoConnection
from hq.authz.roles import Role
from hq.db.context import tenant
from tenants.models import User
from tests.directory.support import SSO_URL, Saml, State
from tests.factories import make_member, sign_in
from tests.idp.saml import SamlIdp

pytestmark = pytest.mark.django_db


@pytest.fixture
def saml() -> Saml:
    return Saml.make()


@pytest.fixture
def admin(saml):
    return saml.place.actor(Role.ADMIN, person=make_member(saml.place, Role.ADMIN))


def test_an_admin_adds_no_certificate_to_what_signs_owners_in(saml, admin):
    own = SamlIdp.make(saml.idp.entity_id)
    both = SamlIdp(saml.idp.entity_id, [*saml.idp.keys, *own.keys])
    read = parse_metadata(both.metadata(SSO_URL).encode())
    with tenant(saml.place.id):
        for act, how in (
            (actions.add_certificate, {"text": own.keys[0].certificate_pem}),
            (actions.set_saml, {"provider": read}),
        ):
            with pytest.raises(OwnersTrust), transaction.atomic():
                act(actor=admin, connection_id=saml.row.id, **how)
        assert len(SsoConnection.objects.get(pk=saml.row.id).config["certificates"]) == 1
        actions.set_saml(actor=saml.place.actor(), connection_id=saml.row.id, provider=read)
        fingerprint = read.certificates[0].fingerprint
        left = actions.remove_certificate(actor=admin, connection_id=saml.row.id, fingerprint=fingerprint)
        assert len(left.config["certificates"]) == 1


def test_an_admin_prepares_and_tests_and_an_owner_switches_on(saml, admin):
    saml.set(state=State.DISABLED)
    page = f"/o/{saml.place.slug}/live/directory/sso/{saml.row.id}"
    assert "An owner switches it on" in sign_in(User.objects.get(pk=admin.id)).get(page).content.decode()
    assert "Switch on</button>" in sign_in(saml.place.owner).get(page).content.decode()
    with tenant(saml.place.id):
        actions.add_certificate(actor=admin, connection_id=saml.row.id, text=SamlIdp.make().keys[0].certificate_pem)
        with pytest.raises(OwnersTrust):
            actions.enable_connection(actor=admin, connection_id=saml.row.id)
        owner = saml.place.actor()
        assert actions.enable_connection(actor=owner, connection_id=saml.row.id).state == State.ACTIVE
        assert actions.disable_connection(actor=admin, connection_id=saml.row.id).state == State.DISABLED
