import pytest

from tests.directory.support import Browser, Saml

pytestmark = pytest.mark.django_db(transaction=True)


def test_smoke():
    saml = Saml.make()
    b = Browser(saml)
    page = b.sign_in()
    assert page.status_code == 302, page.content.decode()
    print(page["Location"], b.person_id, saml.role_of(), b.session["hq.sso"])
    assert saml.role_of() == "analyst"
