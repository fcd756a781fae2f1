"""Nothing personal of an agreement stands in the clear: not in a dump of the database, not in what is logged."""

import logging
import os
import subprocess
from dataclasses import replace
from ipaddress import ip_address

import pytest

from hq.authz.actor import Origin
from hq.db.context import tenant
from hq.embedded.postgres import SUPERUSER, find_programs
from signing import consents
from signing.actions import acts, sending
from signing.actions.acts import Standing
from signing.actions.door import enter
from tests.database import cluster, database_name
from tests.factories import make_place, run_jobs
from tests.signing import support

pytestmark = pytest.mark.django_db(transaction=True)
WORDS = ["title", "message", "name", "email", "role", "text", "value", "agent", "reason", "deputy", "typed"]


def test_nothing_personal_is_found_in_a_dump_or_in_the_log(caplog):
    caplog.set_level(logging.INFO)
    place = make_place()
    word = {name: f"canary{name}{os.urandom(6).hex()}" for name in WORDS}
    ip = str(ip_address(bytes.fromhex("20010db8") + os.urandom(12)))  # as PostgreSQL writes it
    origin = Origin(ip=ip, user_agent=word["agent"], request_id="req_canary")
    people = [
        support.person(name=word["name"], email=f"{word['email']}@signer.example", role=word["role"], method="link"),
        support.person(2),
    ]
    text = f"# {word['text']}\n\n[[signature:1]] [[text:1 Company]] [[signature:2]]\n"
    agreement = support.sent(place, people, text=text, title=word["title"], message=word["message"], may_delegate=True)
    first, second = support.signers(agreement)
    token = support.link(first).rpartition("/")[2]
    session = enter(token=token, code="", origin=origin)
    standing = Standing(place.id, first.id, "link", bytes(first.email_index), origin)
    with tenant(place.id):
        acts.view_document(standing)
        acts.give_consent(standing, sha256=consents.current("en").sha256)
        acts.sign_agreement(
            standing, values={2: word["value"]}, signature={"how": "typed", "text": word["typed"]}, label="Sign"
        )
        acts.delegate_signing(
            replace(standing, signer_id=second.id, email_index=bytes(second.email_index)),
            name=word["deputy"],
            email=f"{word['deputy']}@signer.example",
        )
        sending.void_agreement(actor=place.actor(), agreement_id=agreement.id, reason=word["reason"])
    run_jobs()
    run_jobs("network")
    dump = subprocess.run(
        [find_programs() / "pg_dump", "-h", cluster().postgres_sockets, "-U", SUPERUSER, database_name()],
        capture_output=True,
        check=True,
    ).stdout.decode(errors="replace")
    assert str(agreement.id) in dump  # so the search would find what is there
    sought = word | {"ip": ip, "link": token, "session": session}
    forms = {name: (value, value.encode().hex()) for name, value in sought.items()}
    assert [name for name, each in forms.items() if any(form in dump for form in each)] == []
    assert [name for name, value in sought.items() if value in caplog.text] == []
