"""The steps that lead a workload in: they carry the trust's own values, and run nothing that somebody wrote into it."""

import shlex
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest
import yaml

from workloads.forms.base import Conditions
from workloads.models import Trust
from workloads.views import guides

TRUST = UUID("01900000-0000-7000-8000-000000000007")
HQ = "https://hq.example.org"
# What an audience, a name of an environment or of an account could hold, if somebody meant harm.
HARM = """x'"; touch /tmp/harm $(touch /tmp/harm) `touch /tmp/harm` #"""


@pytest.fixture(autouse=True)
def _address(settings):
    settings.BASE_URL = HQ


def steps(kind, conditions, seconds=900):
    return guides.steps(kind, guides.Entrance(TRUST, conditions, seconds))


def code(kind, conditions, seconds=900):
    return steps(kind, conditions, seconds)[0].code


def words(shell):
    """The words of a command line as a shell reads them, each pipe's command for itself."""
    lexer = shlex.shlex(shell.replace("\\\n", " "), posix=True, punctuation_chars="|;&<>()`")
    lexer.whitespace_split = True
    commands: list[list[str]] = [[]]
    for word in lexer:
        if word in {"|", ";", "&&"}:
            commands.append([])
        else:
            commands[-1].append(word)
    return commands


def aws(audience=HQ):
    return Conditions("https://x.tokens.sts.global.api.aws", "arn:aws:iam::123456789012:role/r", audience)


def pod_of(account):
    return Conditions("https://c.example", f"system:serviceaccount:claims:{account}", HQ)


def azure(tenant="30000000-1111-2222-3333-44444444abcd"):
    return Conditions(f"https://login.microsoftonline.com/{tenant}/v2.0", tenant, tenant, {"tid": tenant})


def github(environment="production"):
    return Conditions(
        "https://token.actions.githubusercontent.com",
        f"repo:octo-org@1/octo-repo@2:environment:{environment}",
        HQ,
        {"repository_owner_id": "1", "repository_id": "2"},
    )


@pytest.mark.parametrize("kind", Trust.Kind.values)
def test_every_platform_exchanges_at_the_token_address_for_this_trust(kind):
    conditions = {
        "aws": aws(),
        "azure": azure(),
        "gcp": Conditions("https://accounts.google.com", "1" * 21, HQ),
        "github": github(),
        "kubernetes": pod_of("triage"),
        "other": Conditions("https://c.example", "s", HQ),
    }[kind]
    told = "\n".join(step.code for step in steps(kind, conditions))
    assert f"curl -fsS {HQ}/v1/oauth/token" in told
    assert f"-d audience={TRUST}" in told
    assert "grant_type=urn:ietf:params:oauth:grant-type:token-exchange" in told
    assert "--data-urlencode subject_token@" in told


def test_the_platforms_token_stands_in_no_argument():
    get, strip, exchange = words(code("aws", aws()))
    assert get[:3] == ["aws", "sts", "get-web-identity-token"]
    assert get[get.index("--audience") + 1] == HQ
    assert strip == ["tr", "-d", "\\n"]
    assert exchange[-1] == "subject_token@-"


def test_an_audience_is_one_word_of_the_command_whatever_it_holds():
    get, *_ = words(code("aws", aws(HARM)))
    assert get[get.index("--audience") + 1] == HARM
    asked = words(code("gcp", Conditions("https://accounts.google.com", "1" * 21, HARM)))[0][-1]
    assert parse_qs(urlsplit(asked).query)["audience"] == [HARM]
    assert not set("\"'`$ ") & set(asked)


def test_the_pod_has_the_tokens_audience_and_its_account():
    conditions = Conditions("https://c.example", "system:serviceaccount:claims:triage", HARM)
    pod = yaml.safe_load(code("kubernetes", conditions))
    assert (pod["metadata"]["namespace"], pod["spec"]["serviceAccountName"]) == ("claims", "triage")
    [source] = pod["spec"]["volumes"][0]["projected"]["sources"]
    assert source["serviceAccountToken"] == {"path": "token", "audience": HARM, "expirationSeconds": 4500}


def test_the_workflow_names_the_environment_and_asks_for_the_audience():
    workflow = yaml.safe_load(code("github", github("eu%3A 'west'")))
    job = workflow["jobs"]["hq"]
    assert workflow["permissions"]["id-token"] == "write"
    assert job["environment"] == "eu: 'west'"
    assert "&audience=https%3A%2F%2Fhq.example.org" in job["steps"][0]["run"]


def test_conditions_of_another_shape_get_the_steps_of_any_issuer():
    odd = Conditions("https://c.example", HARM, HQ)
    assert steps("kubernetes", odd) == steps("other", odd)


def test_the_platforms_token_lives_as_long_as_hqs_is_to():
    get, *_ = words(code("aws", aws(), seconds=300))
    assert get[get.index("--duration-seconds") + 1] == "300"
    assert "expirationSeconds: 4500" in code("kubernetes", pod_of("triage"))
    assert "expirationSeconds: 600" in code("kubernetes", pod_of("triage"), seconds=60)
