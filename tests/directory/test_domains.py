"""Domains of an organization: shown by a record in their DNS, asked of a real name server on a loopback address."""

from collections.abc import Iterator
from datetime import timedelta

import dns.rcode
import pytest
from django.core import mail
from django.core.cache import cache

from audit import selectors as trail
from audit.selectors import Filters
from directory.actions import domains as actions
from directory.actions.pace import MOST_A_MINUTE, TooOften
from directory.models import Domain
from directory.selectors import domains as selectors
from directory.tasks import sweep
from hq.authz.roles import Role
from hq.db.context import tenant
from hq.lib.clock import now
from hq.lib.errors import Denied, NotFound
from tests.factories import Place, make_member, make_place, run_jobs
from tests.lib.test_txt_records import NameServer, answering, records

pytestmark = pytest.mark.django_db(transaction=True)
NAME = "alder.example"


@pytest.fixture
def place() -> Place:
    cache.clear()
    return make_place()


@pytest.fixture
def dns_server(settings) -> Iterator[NameServer]:
    """A name server that knows nothing yet; `answer` may be changed."""
    with answering(records(code=dns.rcode.NXDOMAIN)) as server:
        settings.DNS_SERVERS = [server.address]
        yield server


def add(place: Place, name: str = NAME) -> Domain:
    with tenant(place.id):
        return actions.add_domain(actor=place.actor(), name=name)


def publish(server: NameServer, domain: Domain, *, at: str = "", value: str = "") -> None:
    name = at or actions.record_name(domain)

    def answer(query, tcp):
        asked = str(query.question[0].name).rstrip(".")
        lines = [f'{name}. TXT "{value or actions.record_value(domain)}"'] if asked == name else []
        return records(*lines)(query, tcp)

    server.answer = answer


def look(place: Place, domain: Domain) -> actions.Look:
    return actions.check_domain(actor=place.actor(), domain_id=domain.id)


def row_of(place: Place, domain: Domain) -> Domain:
    with tenant(place.id):
        return Domain.objects.get(pk=domain.pk)


def tags(place: Place) -> list[str]:
    with tenant(place.id):
        events = trail.list_events(place.actor(), Filters(), before=None, limit=50)
    return [str(event.tag) for event in events if str(event.tag).startswith("domain:")]


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        (" Alder.Example. ", "alder.example"),
        ("b\u00fccher.example", "xn--bcher-kva.example"),
        ("mail.alder.co.uk", "mail.alder.co.uk"),
    ],
)
def test_a_domain_is_kept_in_its_one_spelling(place, typed, kept):
    assert add(place, typed).name == kept
    with pytest.raises(actions.DomainKnown):
        add(place, kept.upper())


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "com",
        "*.alder.example",
        "a@alder.example",
        "https://alder.example",
        "alder..example",
        "-a.example",
        "10.0.0.1",
    ],
)
def test_what_is_no_domain_is_refused(place, typed):
    with pytest.raises(actions.NotADomain):
        add(place, typed)


def test_there_is_an_end_to_how_many(place, monkeypatch):
    monkeypatch.setattr(actions, "MOST_DOMAINS", 1)
    add(place)
    with pytest.raises(actions.TooManyDomains):
        add(place, "other.example")


def test_the_right_record_verifies_it(place, dns_server):
    domain = add(place)
    publish(dns_server, domain)
    found = look(place, domain)
    assert (found.found, found.sentence) == (True, f"The record at _hq-challenge.{NAME} is right.")
    row = row_of(place, domain)
    assert row.verified_at is not None
    assert row.checked_at == row.verified_at
    assert dns_server.asked == [f"_hq-challenge.{NAME}. IN TXT"]
    assert tags(place) == ["domain:verified", "domain:added"]
    look(place, domain)
    assert (row_of(place, domain).checked_at or row.checked_at) > row.checked_at
    assert tags(place) == ["domain:verified", "domain:added"]


@pytest.mark.parametrize(
    ("at", "value", "sentence"),
    [
        ("", "hq-domain=another", "says “hq-domain=another”, and not what it has to say."),
        (NAME, "", f"It has to stand at _hq-challenge.{NAME}, not at {NAME} itself."),
        (f"_hq-challenge.{NAME}.{NAME}", "", "enter _hq-challenge as the name."),
        ("elsewhere.example", "", f"There is no TXT record at _hq-challenge.{NAME} yet."),
    ],
)
def test_it_says_what_was_found_instead(place, dns_server, at, value, sentence):
    domain = add(place)
    publish(dns_server, domain, at=at, value=value)
    found = look(place, domain)
    assert not found.found
    assert sentence in found.sentence
    assert row_of(place, domain).verified_at is None
    assert actions.last_look(domain) == found


def test_a_part_of_the_value_is_not_the_value(place, dns_server):
    domain = add(place)
    publish(dns_server, domain, value=actions.record_value(domain)[:-1])
    assert not look(place, domain).found


def test_what_a_record_says_is_shown_short_and_harmless(place, dns_server):
    domain = add(place)
    publish(dns_server, domain, value="\\226\\128\\174" + "x" * 200)
    sentence = look(place, domain).sentence
    assert "?xxx" in sentence
    assert "x…”" in sentence


def test_name_servers_that_fail_are_no_answer(place, dns_server):
    domain = add(place)
    dns_server.answer = records(code=dns.rcode.SERVFAIL)
    found = look(place, domain)
    assert (found.found, found.sentence[:42]) == (False, "The name servers of this domain gave no an")


def test_a_domain_belongs_to_one_organization_and_nobody_is_told_to_which(place, dns_server):
    first, other = add(place), make_place()
    publish(dns_server, first)
    look(place, first)
    second = add(other)
    assert "no TXT record" in look(other, second).sentence or "says" in look(other, second).sentence
    publish(dns_server, second)
    with pytest.raises(actions.CannotBeVerified) as refused:
        look(other, second)
    assert not any(word in str(refused.value) for word in ("verified elsewhere", place.slug, place.organization.name))
    assert row_of(other, second).verified_at is None
    assert tags(other) == ["domain:added"]


def test_name_servers_are_asked_ten_times_a_minute_at_most(place, dns_server):
    domain = add(place)
    publish(dns_server, domain)

    def look_often() -> None:
        for _ in range(2 * MOST_A_MINUTE + 1):  # twice, and one more: a minute may end in between
            look(place, domain)

    with pytest.raises(TooOften):
        look_often()
    assert MOST_A_MINUTE <= len(dns_server.asked) <= 2 * MOST_A_MINUTE
    other = make_place()
    assert not look(other, add(other)).found


def test_removing_takes_it_away(place, dns_server):
    domain = add(place)
    with tenant(place.id):
        actions.remove_domain(actor=place.actor(), domain_id=domain.id)
        assert selectors.list_domains(place.actor()) == []
    assert tags(place) == ["domain:removed", "domain:added"]
    with pytest.raises(NotFound):
        look(place, domain)
    assert dns_server.asked == []


ACTS = {
    "add": lambda actor, domain: actions.add_domain(actor=actor, name="other.example"),
    "check": lambda actor, domain: actions.check_domain(actor=actor, domain_id=domain.id),
    "remove": lambda actor, domain: actions.remove_domain(actor=actor, domain_id=domain.id),
}


@pytest.mark.parametrize("act", ACTS)
def test_only_who_may_change_how_people_come_in_does(place, dns_server, act):
    domain = add(place)
    auditor = place.actor(Role.AUDITOR, make_member(place, Role.AUDITOR))
    with tenant(place.id):
        assert selectors.get_domain(auditor, domain.id) == domain
        with pytest.raises(Denied):
            ACTS[act](auditor, domain)
    assert dns_server.asked == []


def test_another_organizations_domain_looks_like_nothing(place, dns_server):
    domain, other = add(place), make_place()
    with pytest.raises(NotFound):
        look(other, domain)
    with tenant(other.id), pytest.raises(NotFound):
        actions.remove_domain(actor=other.actor(), domain_id=domain.id)


# ---- every day


def verified(place: Place, *, seen: timedelta) -> Domain:
    domain = add(place)
    with tenant(place.id):
        Domain.objects.filter(pk=domain.pk).update(verified_at=now() - timedelta(90), checked_at=now() - seen)
    return domain


def sweep_and_run() -> None:
    mail.outbox.clear()
    sweep()
    run_jobs("network")


def test_a_verified_domain_is_looked_at_again_after_a_day(place, dns_server):
    domain = verified(place, seen=timedelta(hours=23))
    publish(dns_server, domain)
    sweep_and_run()
    assert dns_server.asked == []
    with tenant(place.id):
        Domain.objects.filter(pk=domain.pk).update(checked_at=now() - timedelta(hours=25))
    sweep_and_run()
    checked_at = row_of(place, domain).checked_at
    assert checked_at is not None
    assert checked_at > now() - timedelta(minutes=1)
    assert len(dns_server.asked) == 1


def test_a_record_that_is_gone_for_a_week_ends_it_and_owners_and_admins_hear_of_it(place, dns_server):
    admin = make_member(place, Role.ADMIN)
    make_member(place, Role.ANALYST)
    domain = verified(place, seen=timedelta(days=7, minutes=1))
    sweep_and_run()
    assert row_of(place, domain).verified_at is None
    assert tags(place)[0] == "domain:lapsed"
    assert {letter.to[0] for letter in mail.outbox} == {place.owner.email, admin.email}
    assert mail.outbox[0].subject == f"HQ: {NAME} is no longer verified ({place.organization.name})"
    assert f"directory/sso/domains/{domain.id}" in mail.outbox[0].body
    sweep_and_run()
    assert mail.outbox == []


def test_another_text_in_its_place_is_as_good_as_none(place, dns_server):
    domain = verified(place, seen=timedelta(days=8))
    publish(dns_server, domain, value="hq-domain=of-somebody-else")
    sweep_and_run()
    assert row_of(place, domain).verified_at is None


@pytest.mark.parametrize(
    ("code", "seen"),
    [
        pytest.param(dns.rcode.NXDOMAIN, timedelta(days=6, hours=23), id="gone for less than a week"),
        pytest.param(dns.rcode.SERVFAIL, timedelta(days=30), id="nobody could tell"),
        pytest.param(dns.rcode.REFUSED, timedelta(days=30), id="nobody would tell"),
    ],
)
def test_it_stays_verified_when_that_is_not_clear(place, dns_server, code, seen):
    domain = verified(place, seen=seen)
    dns_server.answer = records(code=code)
    sweep_and_run()
    assert dns_server.asked
    assert row_of(place, domain).verified_at is not None
    assert mail.outbox == []


def test_a_domain_that_lapsed_is_free_for_whoever_shows_it(place, dns_server):
    domain, other = verified(place, seen=timedelta(days=8)), make_place()
    sweep_and_run()
    theirs = add(other)
    publish(dns_server, theirs)
    assert look(other, theirs).found
    publish(dns_server, domain)
    with pytest.raises(actions.CannotBeVerified):
        look(place, domain)
