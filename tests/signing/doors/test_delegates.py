"""Whom a signer hands it on to: a stranger says the name and the address, and HQ writes a mail with both."""

import pytest
from django.core import mail

from tests.factories import run_jobs
from tests.signing.signer.support import agreed, arrived, at
from tests.signing.support import sent, signer, signers

pytestmark = pytest.mark.django_db(transaction=True)
NEW = "new@signer.example"


def test_no_name_forges_a_mail_and_no_address_a_header(place):
    agreement = sent(place, may_delegate=True)
    one = signer(agreement)
    client = arrived(one)
    wrong = [
        *((name, NEW) for name in ("Pay at https://evil.example/x", "WWW.evil.example", "ask me@evil.example")),
        *((name, NEW) for name in ("a\r\nBcc: eve@evil.example", "a\u2028b", "a\u202eb", "a\x9bb", "a" * 121)),
        *(("Nora New", address) for address in (f"{NEW}\r\nBcc: eve@evil.example", f'"a b"@{NEW}', f"{NEW}@{NEW}")),
        *(("Nora New", address) for address in ("new@ｓigner.example", "new@localhost", "n" * 250 + "@a.de")),
    ]
    for name, email in wrong:
        answer = client.post(at(one, "delegate"), {"name": name, "email": email})
        assert answer.status_code == 400, (name, email)
    assert len(signers(agreement)) == 1


def test_another_alphabet_is_told_as_it_is_delivered_to(place):
    agreement = sent(place, may_delegate=True)
    one = signer(agreement)
    client = agreed(one)
    assert client.post(at(one, "delegate"), {"name": "Nora", "email": "new@раypal.com"}).status_code == 303
    assert signers(agreement)[-1].email == "new@xn--ypal-43d9g.com"
    run_jobs("network")
    (told,) = [str(each.body) for each in mail.outbox if "handed on" in str(each.body)]
    assert "(new@xn--ypal-43d9g.com)" in told
