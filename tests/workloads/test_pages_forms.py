"""Forms of the platforms: their own words become the exact issuer, subject and claims that tokens carry (ACC-8)."""

import json
from uuid import UUID

import pytest
from django.http import QueryDict

from workloads.forms import OtherForm, form_of
from workloads.forms.base import LIVES, SCOPES, Account, Conditions
from workloads.forms.platforms import AwsForm, AzureForm, GcpForm, GitHubForm, KubernetesForm
from workloads.models import Trust

ACCOUNT = UUID("01900000-0000-7000-8000-000000000001")
ACCOUNTS = [Account(ACCOUNT, "nightly-build")]
HQ = "https://hq.example.org"
TENANT, OBJECT, APP = (f"{n}0000000-1111-2222-3333-44444444abcd" for n in "123")
KEYS = json.dumps({"keys": [{"kty": "RSA"}]})

GITHUB = {
    "repository": "octo-org/octo-repo",
    "written": "ids",
    "owner_id": "123456",
    "repository_id": "456789",
    "runs": "environment",
    "ref": "production",
}
PINNED = {"repository_owner_id": "123456", "repository_id": "456789"}
ACTIONS = "https://token.actions.githubusercontent.com"
AWS = {
    "issuer": "https://0a1b2c3d-1111-2222-3333-444455556666.tokens.sts.global.api.aws",
    "role": "arn:aws:iam::123456789012:role/ci/nightly-build",
}
CLUSTER = {"issuer": "https://kubernetes.default.svc.cluster.local", "namespace": "claims", "account": "triage"}
ISSUER = {"issuer": "https://issuer.example/ci", "subject": "project/7"}


def filled(kind, fields, **more):
    data = QueryDict(mutable=True)
    data.update({"name": "nightly", "audience": HQ, "service_account": str(ACCOUNT), "seconds": "900"} | fields | more)
    data.setlist("scopes", ["objects:read"])
    form = form_of(kind)(accounts=ACCOUNTS)
    data["once"] = form["once"].value()
    return form_of(kind)(data, accounts=ACCOUNTS)


def said(kind, fields, **more):
    form = filled(kind, fields, **more)
    assert form.is_valid(), form.errors
    return form.conditions


def refused(kind, fields, **more):
    """The fields that are wrong."""
    form = filled(kind, fields, **more)
    assert not form.is_valid(), form.conditions
    return set(form.errors)


SAID = [
    (
        "github",
        GITHUB,
        Conditions(ACTIONS, "repo:octo-org@123456/octo-repo@456789:environment:production", HQ, PINNED),
    ),
    (
        "github",
        GITHUB | {"written": "names", "runs": "branch", "ref": "release/2026"},
        Conditions(ACTIONS, "repo:octo-org/octo-repo:ref:refs/heads/release/2026", HQ, PINNED),
    ),
    (
        "github",
        GITHUB | {"written": "names", "owner_id": "", "repository_id": "", "runs": "tag", "ref": "v1.4.2"},
        Conditions(ACTIONS, "repo:octo-org/octo-repo:ref:refs/tags/v1.4.2", HQ),
    ),
    (
        "github",
        GITHUB | {"ref": "eu: west"},
        Conditions(ACTIONS, "repo:octo-org@123456/octo-repo@456789:environment:eu%3A west", HQ, PINNED),
    ),
    ("aws", AWS, Conditions(AWS["issuer"], AWS["role"], HQ)),
    (
        "gcp",
        {"unique_id": "107517467455664443766"},
        Conditions("https://accounts.google.com", "107517467455664443766", HQ),
    ),
    (
        "azure",
        {"tenant_id": TENANT.upper(), "object_id": OBJECT, "audience": APP},
        Conditions(f"https://login.microsoftonline.com/{TENANT}/v2.0", OBJECT, APP, {"tid": TENANT}),
    ),
    (
        "kubernetes",
        CLUSTER | {"keys": KEYS},
        Conditions(CLUSTER["issuer"], "system:serviceaccount:claims:triage", HQ, keys=KEYS),
    ),
    (
        "other",
        ISSUER | {"claims": "ref = main\n\nproject_path=a=b"},
        Conditions(ISSUER["issuer"], "project/7", HQ, {"ref": "main", "project_path": "a=b"}),
    ),
    (
        "other",
        ISSUER | {"claims": 'protected=true\nrun=12\nid="12"\nquoted="a b"\nlist=[1]'},
        Conditions(
            ISSUER["issuer"],
            "project/7",
            HQ,
            {"protected": True, "run": 12, "id": "12", "quoted": "a b", "list": "[1]"},
        ),
    ),
]


@pytest.mark.parametrize(("kind", "fields", "conditions"), SAID)
def test_each_platforms_words_become_what_its_tokens_carry_and_back(kind, fields, conditions):
    assert said(kind, fields) == conditions
    form = form_of(kind, conditions)
    assert form is form_of(kind)
    assert form.write(form.read(conditions) or {}) == conditions


def test_a_branch_may_be_named_as_git_names_it():
    assert said("github", GITHUB, runs="branch", ref="refs/heads/main").subject.endswith(":ref:refs/heads/main")


WRONG = [
    ("github", GITHUB, {"repository": "octo-repo"}, {"repository"}),
    ("github", GITHUB, {"repository": "https://github.com/octo-org/octo-repo"}, {"repository"}),
    ("github", GITHUB, {"owner_id": ""}, {"owner_id"}),
    ("github", GITHUB, {"written": "names", "repository_id": ""}, {"repository_id"}),
    ("github", GITHUB, {"owner_id": "octo-org"}, {"owner_id"}),
    ("github", GITHUB, {"ref": "*"}, {"ref"}),
    ("github", GITHUB, {"runs": "branch", "ref": "release/*"}, {"ref"}),
    ("github", GITHUB, {"runs": "branch", "ref": "a branch"}, {"ref"}),
    ("github", GITHUB, {"ref": "prod\nuction"}, {"ref"}),
    ("aws", AWS, {"issuer": "https://sts.amazonaws.com"}, {"issuer"}),
    ("aws", AWS, {"role": "arn:aws:sts::123456789012:assumed-role/nightly-build/i-1"}, {"role"}),
    ("gcp", {}, {"unique_id": "build@project.iam.gserviceaccount.com"}, {"unique_id"}),
    ("azure", {"tenant_id": TENANT, "object_id": OBJECT}, {"audience": HQ}, {"audience"}),
    ("azure", {"object_id": OBJECT, "audience": APP}, {"tenant_id": "contoso.onmicrosoft.com"}, {"tenant_id"}),
    ("kubernetes", CLUSTER, {"issuer": "http://cluster.example"}, {"issuer"}),
    ("kubernetes", CLUSTER, {"namespace": "claims:triage"}, {"namespace"}),
    ("kubernetes", CLUSTER, {"keys": "not json"}, {"keys"}),
    ("kubernetes", CLUSTER, {"keys": '["a"]'}, {"keys"}),
    ("other", ISSUER, {"claims": "ref"}, {"claims"}),
    ("other", ISSUER, {"claims": "ref=a\nref=b"}, {"claims"}),
    ("other", ISSUER, {"claims": "sub=project/7"}, {"claims"}),
    ("other", ISSUER, {"claims": "\n".join(f"c{n}=1" for n in range(11))}, {"claims"}),
    ("other", ISSUER, {"subject": ""}, {"subject"}),
    ("other", ISSUER, {"audience": ""}, {"audience"}),
    ("other", ISSUER, {"seconds": "901"}, {"seconds"}),
    ("other", ISSUER, {"service_account": "01900000-0000-7000-8000-000000000002"}, {"service_account"}),
]


@pytest.mark.parametrize(("kind", "fields", "wrong", "where"), WRONG)
def test_it_refuses_what_no_token_of_the_platform_can_say(kind, fields, wrong, where):
    assert refused(kind, fields, **wrong) == where


FOREIGN = [
    ("github", Conditions(ACTIONS, "repo:octo-org/octo-repo:pull_request", HQ)),
    ("github", Conditions("https://github.example/_services/token", "repo:a/b:environment:c", HQ)),
    ("github", Conditions(ACTIONS, "repo:a/b:environment:c", HQ, {"job_workflow_ref": "x"})),
    ("aws", Conditions(AWS["issuer"], AWS["role"], HQ, {"tier": "one"})),
    ("gcp", Conditions("https://accounts.google.com", "1", HQ, {"email_verified": "true"})),
    ("azure", Conditions("https://sts.windows.net/1/", "2", "3")),
    ("kubernetes", Conditions("https://c.example", "someone", HQ)),
    ("other", Conditions("https://c.example", "s", HQ, {"a": "NaN", "b": " x", "c": "x\ny", "d": 1.5, "e": ""})),
]


@pytest.mark.parametrize(("kind", "conditions"), FOREIGN)
def test_conditions_that_a_platforms_fields_cannot_say_are_shown_as_they_are(kind, conditions):
    assert form_of(kind, conditions) is OtherForm
    assert OtherForm.write(OtherForm.read(conditions) or {}) == conditions


def test_each_kind_has_a_form():
    assert {form_of(kind) for kind in Trust.Kind.values} == {
        AwsForm,
        AzureForm,
        GcpForm,
        GitHubForm,
        KubernetesForm,
        OtherForm,
    }


def test_the_audience_is_hqs_own_address_but_for_azure_whose_tokens_never_carry_it(settings):
    settings.BASE_URL = HQ
    shown = {kind: form_of(kind)(accounts=ACCOUNTS)["audience"].value() for kind in Trust.Kind.values}
    assert shown.pop("azure") is None
    assert set(shown.values()) == {HQ}


def test_a_life_that_is_none_of_the_usual_ones_can_be_kept():
    form = OtherForm(initial={"seconds": 90}, accounts=ACCOUNTS)
    shown = {each.data["value"]: each.choice_label for each in form["seconds"]}
    assert list(shown) == sorted(map(str, {*LIVES, 90}), key=int)
    assert shown["90"] == "90 s"


def test_tokens_are_taken_once_where_the_platform_gives_a_new_one_each_time():
    assert {kind for kind in Trust.Kind.values if form_of(kind)(accounts=ACCOUNTS)["single_use"].value()} == {
        "aws",
        "github",
    }


def test_it_offers_what_a_workload_may_exercise_and_a_service_account_can_be_given():
    assert {str(scope) for scope in SCOPES} == {
        "jobs:read",
        "objects:delete",
        "objects:read",
        "objects:write",
        "organization:read",
    }


def test_what_was_looked_at_holds_only_while_nothing_of_it_changes():
    form = filled("other", ISSUER)
    assert form.is_valid()
    assert not form.was_seen
    mark = form.mark
    same = filled("other", ISSUER, seen=mark, name="another name")
    assert same.is_valid()
    assert same.was_seen
    for change in ({"subject": "project/8"}, {"seconds": "300"}, {"single_use": "on"}, {"claims": "ref=main"}):
        changed = filled("other", ISSUER, seen=mark, **change)
        assert changed.is_valid()
        assert not changed.was_seen, change
    forged = filled("other", ISSUER, seen=form.described)
    assert forged.is_valid()
    assert not forged.was_seen
