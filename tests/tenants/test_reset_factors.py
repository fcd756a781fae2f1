"""bin/manage reset_factors: the way back for somebody who lost every factor."""

from io import StringIO

import pytest
from allauth.mfa.models import Authenticator
from django.core.management import CommandError, call_command

from tenants import actions
from tests.factors import begin, clock, is_signed_in, with_password
from tests.tenants.test_second_factors import app, person, tags

__all__ = ["app", "clock", "person"]
pytestmark = pytest.mark.django_db(transaction=True)


class TestReset:
    def test_the_operator_of_the_server_can_take_lost_factors_away(self, person, app, mailoutbox):
        mailoutbox.clear()
        call_command("reset_factors", person.email, stdout=StringIO())
        assert not Authenticator.objects.exists()
        assert is_signed_in(begin(person))
        assert "factors:reset" in tags(person)
        assert [(mail.to, mail.subject) for mail in mailoutbox] == [([person.email], "HQ: Second factors removed")]

    def test_it_takes_those_of_that_person_only(self, person, app):
        actions.reset_factors(email=with_password().email)
        assert Authenticator.objects.filter(user=person).count() == 2

    def test_it_takes_also_what_opens_no_more(self, person, app):
        Authenticator.objects.filter(type="totp").update(data={"sealed": "A" * 100})
        actions.reset_factors(email=person.email)
        assert not Authenticator.objects.exists()

    def test_of_an_unknown_address_it_says_so(self):
        with pytest.raises(CommandError, match="Nobody has signed up"):
            call_command("reset_factors", "nobody@example.com")
