"""Agreements over /v1: a whole life by an integrator, faults at their places, and a webhook of every change."""

import json
from base64 import b64encode
from hashlib import sha256
from io import BytesIO
from uuid import UUID
from zipfile import ZipFile

import pytest
from django.test import Client

from hq.authz.permissions import Permission
from hq.db.context import tenant
from signing import selectors
from signing.actions import acts
from signing.api import agreements
from tests.factories import Place, make_api_key, make_place, run_jobs
from tests.signing import support
from webhooks.actions import create_endpoint
from webhooks.models import Message

pytestmark = pytest.mark.django_db(transaction=True)  # a refusal outside of a request's transaction undoes its own
TEXT = "# Mutual non-disclosure\n\n[[signature:1]] [[signature:2]]\n"
PEOPLE = [
    {"name": "Sam One", "email": "one@signer.example"},
    {"name": "Kim Two", "email": "two@signer.example", "turn": 2, "role": "Buyer"},
]
SPOT = {"signer": 1, "kind": "signature", "page": 1, "x": 0, "y": 0, "width": 300_000, "height": 50_000}


class Api:
    """A key's own calls below an environment."""

    def __init__(self, place: Place, **more):
        self.place, self.client = place, Client()
        self.headers = {"authorization": f"Bearer {make_api_key(place, **more)}"}

    def __call__(self, method, path, body=None, kind="application/json", **headers):
        url = f"/v1/environments/{self.place.live_id}/{path}"
        data = {} if body is None else {"data": body if isinstance(body, bytes) else json.dumps(body)}
        given = {"content_type": kind} | data if data else {}
        return getattr(self.client, method)(url, headers=self.headers | headers, **given)


@pytest.fixture
def place():
    return make_place()


@pytest.fixture
def api(place):
    return Api(place)


def content(answer):
    return b"".join(answer.streaming_content) if answer.streaming else answer.content


def test_a_whole_life_and_a_webhook_of_every_change_in_order(place, api):
    with tenant(place.id):
        create_endpoint(actor=place.actor(), name="Signing", url="https://hook.example/", events=["*"])
    made = api("post", "agreements", {"title": "NDA", "text": TEXT, "message": "Please", "days": 7})
    assert (made.status_code, made.json()["state"], made.json()["created_by"]) == (201, "draft", "tests")
    path = f"agreements/{made.json()['id']}"
    assert api("put", f"{path}/signers", {"signers": PEOPLE}).json()["signers"][1]["role"] == "Buyer"
    assert api("patch", path, {"may_delegate": True}).json()["message"] == "Please"
    sent = api("post", f"{path}/send").json()
    assert (sent["state"], [one["state"] for one in sent["signers"]]) == ("sent", ["sent", "waiting"])
    assert [(field["kind"], field["page"], field["value"]) for field in sent["fields"]] == [("signature", 0, None)] * 2
    corrected = api(
        "post", f"{path}/signers/{sent['signers'][1]['id']}/correct", {"name": "Kim", "email": "kim@signer.example"}
    )
    assert corrected.json()["signers"][1]["email"] == "kim@signer.example"
    assert api("post", f"{path}/remind").json() == {"mails": 1}
    assert api("post", f"{path}/extend", {"days": 30}).status_code == 200
    for wait in ("pdf", "bundle"):
        assert api("get", f"{path}/{wait}").json()["type"].endswith("/problems/not-sealed")
    with tenant(place.id):
        agreement = selectors.get_agreement(place.actor(), UUID(made.json()["id"]))
    support.sign_all(agreement)
    run_jobs()
    done = api("get", path).json()
    assert (done["state"], done["level"]) == ("sealed", "B-B")
    assert [step["index"] for step in done["steps"]] == list(range(1, done["length"] + 1))
    assert done["steps"][-1]["hash"] == done["head"]
    pdf = content(api("get", f"{path}/pdf"))
    assert done["steps"][-1]["facts"]["pdf_sha256"] == sha256(pdf).hexdigest()
    assert content(api("get", f"{path}/document")) == TEXT.encode()
    assert api("get", f"{path}/pdf", range="bytes=0-7").status_code == 206
    assert json.loads(content(api("get", f"{path}/certificate")))["agreement"] == done["id"]
    with ZipFile(BytesIO(content(api("get", f"{path}/bundle")))) as bundle:
        assert bundle.read("agreement.pdf") == pdf
        assert bundle.read("original.md") == TEXT.encode()
    with tenant(place.id):
        told = list(Message.objects.filter(tag__startswith="agreement:").order_by("at", "id"))
    assert [row.tag.partition(":")[2] for row in told] == [
        *("created", "changed", "changed", "sent", "corrected", "reminded", "extended"),
        *("viewed", "consented", "signed") * 2,
        "sealed",
    ]
    assert json.loads(told[-1].body)["data"]["after"]["head"] == done["head"]


def test_it_ends_by_voiding_and_goes_by_deleting(place, api):
    made = support.sent(place)
    path = f"agreements/{made.id}"
    assert api("delete", path).status_code == 409
    assert api("post", f"{path}/void", {"reason": "Other terms"}).json()["reason"] == "Other terms"
    assert api("post", f"{path}/void", {"reason": "Again"}).json()["type"].endswith("/problems/not-sent")
    assert api("delete", path).status_code == 204
    assert api("get", path).status_code == 404


def test_a_pdf_comes_in_base64_or_raw_and_goes_as_it_came(place, api):
    pdf = support.pdf_of(2)
    made = api("post", "agreements", {"title": "NDA", "pdf": b64encode(pdf).decode()}).json()
    path = f"agreements/{made['id']}"
    assert (made["source"], made["pages"], made["document_sha256"]) == ("pdf", 2, sha256(pdf).hexdigest())
    answer = api("get", f"{path}/document")
    assert (content(answer), answer["Content-Type"]) == (pdf, "application/pdf")
    assert answer["Content-Disposition"].startswith("attachment")
    api("put", f"{path}/signers", {"signers": PEOPLE[:1]})
    placed = api("put", f"{path}/fields", {"fields": [SPOT]}).json()
    assert [(field["number"], field["page"], field["width"]) for field in placed["fields"]] == [(1, 1, 300_000)]
    other = support.pdf_of(3)
    wrong = api("put", f"{path}/document", other, "application/pdf", **{"X-Content-SHA256": "0" * 64})
    assert wrong.status_code == 400
    replaced = api(
        "put", f"{path}/document", other, "application/pdf", **{"X-Content-SHA256": sha256(other).hexdigest()}
    )
    assert (replaced.json()["version"], replaced.json()["pages"], replaced.json()["fields"]) == (2, 3, [])
    assert api("put", f"{path}/document", TEXT.encode(), "text/markdown; charset=utf-8").json()["source"] == "text"
    assert api("put", f"{path}/document", b"PK", "application/zip").status_code == 415


FAULTS = [
    ("post", "agreements", {"title": "x"}, ["/text"]),
    ("post", "agreements", {"title": "x", "text": "a", "pdf": "YQ=="}, ["/text"]),
    ("post", "agreements", {"title": "x", "pdf": "no base64"}, ["/pdf"]),
    ("post", "agreements", {"text": TEXT, "days": 0}, ["/days", "/title"]),
    ("post", "agreements", {"title": "a\nb", "text": TEXT}, ["/title"]),
    ("post", "agreements", {"title": "x", "text": TEXT, "by": "me"}, ["/by"]),
    ("patch", "{one}", {"days": 366}, ["/days"]),
    ("patch", "{one}", {"title": "a\nb"}, ["/title"]),
    ("put", "{one}/signers", {"signers": []}, ["/signers"]),
    ("put", "{one}/signers", {"signers": [{"name": "x"}]}, ["/signers/0/email"]),
    ("put", "{one}/signers", {"signers": [PEOPLE[0], PEOPLE[0]]}, ["/signers/1/email"]),
    ("put", "{one}/fields", {"fields": [SPOT | {"page": 9}]}, ["/fields/0/page"]),
    ("put", "{one}/fields", {"fields": [SPOT, SPOT | {"x": 900_000}]}, ["/fields/1"]),
    ("put", "{one}/fields", {"fields": [SPOT | {"x": "0"}]}, ["/fields/0/x"]),
]


def test_each_fault_is_named_at_its_place(place, api):
    one = f"agreements/{support.make_agreement(place, pdf=support.pdf_of()).id}"
    for method, path, body, pointers in FAULTS:
        answer = api(method, path.format(one=one), body)
        assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json"), body
        assert sorted(each["pointer"] for each in answer.json()["errors"]) == pointers, body


def test_what_a_signer_fills_in_is_theirs_until_they_have_signed(place, api):
    made = support.sent(place, 2, text="[[signature:1]] [[text:1 Company]] [[signature:2]]")
    one = support.signer(made)

    def value():
        return [field["value"] for field in api("get", f"agreements/{made.id}").json()["fields"]]

    with tenant(place.id):
        acts.keep_values(support.stand(one), values={2: "Alder"})
    assert value() == [None, None, None]
    support.sign(one, values={2: "Alder Peak"})
    assert value() == [None, "Alder Peak", None]


def test_lists_go_on_by_cursor_and_by_state(place, api):
    rows = [support.make_agreement(place) for _ in range(3)]
    first = api("get", "agreements?limit=2").json()
    assert [row["id"] for row in first["items"]] == [str(rows[2].id), str(rows[1].id)]
    rest = api("get", f"agreements?limit=2&cursor={first['next_cursor']}").json()
    assert ([row["id"] for row in rest["items"]], rest["next_cursor"]) == ([str(rows[0].id)], None)
    assert api("get", "agreements?state=sent").json()["items"] == []
    assert api("get", "agreements?state=lost").json()["errors"][0]["pointer"] == "/state"


def test_reminding_again_under_one_idempotency_key_is_done_once(place, api):
    made = support.sent(place)
    answers = [api("post", f"agreements/{made.id}/remind", **{"Idempotency-Key": "one"}) for _ in range(2)]
    assert [answer.json() for answer in answers] == [{"mails": 1}] * 2
    assert answers[1]["Idempotency-Replayed"] == "true"
    assert support.kinds(made).count("reminded") == 1


def test_a_draft_that_has_changed_since_is_not_changed_by_if_match(place, api):
    path = f"agreements/{support.make_agreement(place).id}"
    tag = api("get", path)["ETag"]
    assert api("patch", path, {"title": "One"}, **{"If-Match": tag}).status_code == 200
    assert api("patch", path, {"title": "Two"}, **{"If-Match": tag}).status_code == 412


def test_a_template_is_kept_used_and_removed(place, api):
    made = support.make_agreement(place, text="[[signature:1]] of {company}")
    template = api("post", "agreement-templates", {"agreement_id": str(made.id), "name": "NDA"}).json()
    assert [one["name"] for one in template["variables"]] == ["company"]
    path = f"agreement-templates/{template['id']}"
    use = {"title": "With Ferro", "people": PEOPLE[:1], "values": {"company": "Ferro Ltd"}}
    assert api("post", f"{path}/use", use | {"values": {}}).json()["errors"][0]["pointer"] == "/values/company"
    assert api("post", f"{path}/use", use | {"values": {"company": 7}}).status_code == 400
    used = api("post", f"{path}/use", use).json()
    assert (used["template_id"], used["signers"][0]["email"]) == (template["id"], "one@signer.example")
    assert content(api("get", f"agreements/{used['id']}/document")) == b"[[signature:1]] of Ferro Ltd"
    assert [row["id"] for row in api("get", "agreement-templates").json()["items"]] == [template["id"]]
    assert api("delete", path).status_code == 204
    assert api("get", path).status_code == 404


def test_a_key_without_the_trail_sees_what_its_own_maker_made(place):
    scopes = frozenset({Permission.SHARES_READ})
    support.make_agreement(place)
    mine = Api(place, scopes=scopes)("get", "agreements").json()["items"]
    assert len(mine) == 1


def test_a_body_that_is_far_too_long_is_not_read_to_its_end(api, monkeypatch):
    monkeypatch.setattr(agreements.Agreements, "most_json_bytes", 2_000)
    assert api("post", "agreements", {"title": "A", "text": "x" * 3_000}).status_code == 413
    assert api("post", "agreements", {"title": "A", "text": "x" * 1_000}).status_code == 201
