"""Templates over /v1: changed, filled in, and sent to many from a table, row by row."""

import pytest

from tests.factories import make_place, run_jobs
from tests.signing.api.test_agreements_api import Api

pytestmark = pytest.mark.django_db(transaction=True)
TEXT = "# Lease of {flat}\n\n[[signature:1]]\n"
TABLE = "name,email,flat\nAda Holm,ada@holm.example,3 B\nBo,nobody,4 C\nKim Ferro,kim@ferro.example,\n"


@pytest.fixture
def api():
    return Api(make_place())


@pytest.fixture
def template(api):
    made = api("post", "agreements", {"title": "Lease", "text": TEXT}).json()
    api("put", f"agreements/{made['id']}/signers", {"signers": [{"name": "Sam", "email": "sam@signer.example"}]})
    return api("post", "agreement-templates", {"agreement_id": made["id"], "name": "Lease"}).json()


def test_a_table_is_answered_row_by_row_and_then_each_good_row_is_sent_once(api, template):
    path = f"agreement-templates/{template['id']}"
    assert template["columns"] == ["name", "email", "flat"]
    checked = api("post", f"{path}/tables", {"table": TABLE}).json()
    assert (checked["state"], checked["total"], checked["sent"]) == ("checked", 1, 0)
    assert [(row["line"], bool(row["problem"]), row["agreement_id"]) for row in checked["rows"]] == [
        (2, False, None),
        (3, True, None),
        (4, True, None),
    ]
    assert checked["rows"][0]["people"] == [{"name": "Ada Holm", "email": "ada@holm.example"}]
    batch = f"agreement-batches/{checked['id']}"
    assert api("post", f"{batch}/send").json()["state"] == "sending"
    assert api("post", f"{batch}/send").json()["type"].endswith("/problems/not-to-be-sent")
    run_jobs()
    done = api("get", batch).json()
    assert (done["state"], done["sent"], [bool(row["agreement_id"]) for row in done["rows"]]) == (
        "done",
        1,
        [True, False, False],
    )
    sent = api("get", f"agreements?template_id={template['id']}&state=sent&whose=mine").json()["items"]
    assert [one["id"] for one in sent] == [done["rows"][0]["agreement_id"]]
    assert api("get", "agreements?whose=theirs").status_code == 400


def test_a_table_that_cannot_be_read_says_so_at_its_place(api, template):
    refused = api("post", f"agreement-templates/{template['id']}/tables", {"table": "name\nAda\n"})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (400, "/table")


def test_a_template_is_changed_and_its_text_replaced(api, template):
    path = f"agreement-templates/{template['id']}"
    changed = api("patch", path, {"name": "Lease, new", "days": 3, "roles": ["Tenant"]}).json()
    assert (changed["name"], changed["days"], changed["roles"][0]["role"], changed["message"]) == (
        "Lease, new",
        3,
        "Tenant",
        "",
    )
    assert api("patch", path, {"roles": []}).json()["errors"][0]["pointer"] == "/roles"
    assert api("get", f"{path}/text").json() == {"text": TEXT}
    other = api("put", f"{path}/text", {"text": "{rent} a month [[signature:1]]"}).json()
    assert [one["name"] for one in other["variables"]] == ["rent"]
    used = api(
        "post",
        f"{path}/use",
        {"title": "x", "people": [{"name": "A", "email": "a@b.example"}], "values": {"rent": "900"}},
    )
    assert (used.json()["days"], used.json()["signers"][0]["role"]) == (3, "Tenant")
