"""What to do at each platform, in its own words: before a trust is made, and to get a token and exchange it.

The token never stands in a command's arguments, where others on the machine could read it: curl reads it from standard
input or from a file. What people wrote is quoted for the shell, for YAML or for an address: whoever copies a command
runs it.
"""

import json
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote
from uuid import UUID

from django.conf import settings

from workloads.forms import OtherForm, form_of
from workloads.forms.base import Conditions
from workloads.models import Trust

Kind = Trust.Kind
_GRANT: Final = "urn:ietf:params:oauth:grant-type:token-exchange"
_JWT: Final = "urn:ietf:params:oauth:token-type:jwt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing to do, with what to copy."""

    title: str
    text: str
    code: str = ""
    label: str = ""

    @property
    def is_long(self) -> bool:
        return "\n" in self.code


# One line about each, where a platform is chosen.
CHOICES: Final[list[tuple[str, str]]] = [
    (Kind.GITHUB.value, "GitHub Actions|One repository’s jobs: of an environment, on a branch or on a tag."),
    (Kind.AWS.value, "AWS|A role in IAM: EC2, ECS, EKS, Lambda and whatever else runs as it."),
    (Kind.GCP.value, "Google Cloud|A service account: Compute Engine, Cloud Run, GKE."),
    (Kind.AZURE.value, "Azure|A managed identity, or an app in Microsoft Entra ID."),
    (Kind.KUBERNETES.value, "Kubernetes|A service account of any cluster, also one that HQ cannot reach."),
    (Kind.OTHER.value, "Another issuer|Whatever signs tokens as OpenID Connect has it."),
]

_BEFORE: Final[dict[str, tuple[Step, ...]]] = {
    Kind.GITHUB: (
        Step(
            title="Look up the two IDs",
            text="Names can be taken over by somebody else after a repository is renamed or removed. IDs cannot.",
            code="gh api repos/OWNER/REPOSITORY --jq '.owner.id, .id'",
            label="the command for the IDs",
        ),
    ),
    # docs.aws.amazon.com/IAM: Getting started with outbound identity federation
    Kind.AWS: (
        Step(
            title="Switch on outbound identity federation, once for the account",
            text="It answers with the account’s issuer address.",
            code="aws iam enable-outbound-web-identity-federation",
            label="the command that switches it on",
        ),
        Step(
            title="Let the role ask for tokens",
            text="The role’s policy has to allow sts:GetWebIdentityToken. Allow it for this audience only, by the"
            " condition key sts:IdentityTokenAudience.",
        ),
    ),
    Kind.GCP: (
        Step(
            title="Look up the unique ID",
            text="The service account that the machine runs as.",
            code="gcloud iam service-accounts describe NAME@PROJECT.iam.gserviceaccount.com \\\n"
            "  --format='value(uniqueId)'",
            label="the command for the unique ID",
        ),
    ),
    # learn.microsoft.com: Configure an application to expose a web API; app manifest
    Kind.AZURE: (
        Step(
            title="Register an app that stands for HQ, once for the tenant",
            text="Microsoft Entra admin center: App registrations › New registration. Then Expose an API › Application"
            " ID URI › Add, and keep api:// with the client ID. Then Manifest: set requestedAccessTokenVersion to 2.",
        ),
        Step(
            title="Look up the identity’s object ID",
            text="Of a managed identity that stands by itself; that of a machine is on its page under Identity.",
            code="az identity show --name NAME --resource-group GROUP --query principalId --output tsv",
            label="the command for the object ID",
        ),
    ),
    Kind.KUBERNETES: (
        Step(
            title="Ask the cluster for its issuer",
            text="If HQ can reach that address, it reads the keys there. If not, ask for the keys too, and paste them.",
            code="kubectl get --raw /.well-known/openid-configuration\nkubectl get --raw /openid/v1/jwks",
            label="the commands for issuer and keys",
        ),
    ),
    Kind.OTHER: (),
}


def before(kind: str) -> tuple[Step, ...]:
    """What to do at the platform first. Raises KeyError."""
    return _BEFORE[kind]


def exchange_line(trust_id: UUID, source: str = "-") -> str:
    """The curl line that exchanges a token. `source`: the file from which curl reads it, `-` for standard input."""
    return (
        f"curl -fsS {settings.BASE_URL}/v1/oauth/token \\\n"
        f"  -d grant_type={_GRANT} \\\n"
        f"  -d subject_token_type={_JWT} \\\n"
        f"  -d audience={trust_id} \\\n"
        f"  --data-urlencode subject_token@{source}"
    )


@dataclass(frozen=True, slots=True)
class Entrance:
    """What the steps of one trust are about: whose tokens come in by it, and how long HQ's own work at most."""

    trust_id: UUID
    conditions: Conditions
    seconds: int


def steps(kind: str, by: Entrance) -> list[Step]:
    """How a workload gets its platform's token, exchanges it, and uses what it gets. Raises KeyError."""
    known = form_of(kind, by.conditions) is not OtherForm
    return [*_STEPS[kind if known else Kind.OTHER](by), _USE]


_USE: Final = Step(
    title="Use HQ’s token",
    text="The answer holds it as access_token, and as expires_in how many seconds it works: never longer than the"
    " platform’s own. It goes where an API key would. Ask for another one when it is over; there is nothing to store.",
    code=f'curl -fsS -H "Authorization: Bearer $HQ_TOKEN" {settings.BASE_URL}/v1/me',
    label="the command that uses the token",
)
_EXCHANGE_TITLE: Final = "Get the platform’s token, and exchange it"


def _piped(get: str, trust_id: UUID, *, where: str) -> Step:
    return Step(
        title=_EXCHANGE_TITLE,
        text=f"{where} Nothing is written down on the way.",
        code=f"{get} \\\n| tr -d '\\n' \\\n| {exchange_line(trust_id)}",
        label="the commands that get and exchange the token",
    )


def _aws(by: Entrance) -> list[Step]:
    get = (
        f"aws sts get-web-identity-token --signing-algorithm ES384 --duration-seconds {by.seconds} \\\n"
        f"  --audience {shlex.quote(by.conditions.audience)} --query WebIdentityToken --output text"
    )
    where = "On the machine, in the container or the function that runs as the role, with a region set: the global"
    return [_piped(get, by.trust_id, where=f"{where} endpoint of STS does not give such tokens.")]


def _gcp(by: Entrance) -> list[Step]:
    get = (
        "curl -fsS -H Metadata-Flavor:Google \\\n"
        '  "http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/identity'
        f'?audience={quote(by.conditions.audience, safe="")}"'
    )
    return [_piped(get, by.trust_id, where="On the machine or in the container that runs as the service account.")]


def _azure(by: Entrance) -> list[Step]:
    get = (
        "curl -fsS -H Metadata:true \\\n"
        '  "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01'
        f'&resource={quote(f"api://{by.conditions.audience}", safe="")}" \\\n'
        "| jq -j .access_token"
    )
    where = "On the machine that has the identity. If it has several, add &object_id= with this one’s to the address."
    return [_piped(get, by.trust_id, where=where)]


def _github(by: Entrance) -> list[Step]:
    _, _, context = by.conditions.subject.split(":", 2)
    kind, _, name = context.partition(":")
    name = name.replace("%3A", ":")
    environment = f"    environment: {json.dumps(name)}\n" if kind == "environment" else ""
    line = exchange_line(by.trust_id).replace("\n", "\n            ")
    job = (
        "permissions:\n"
        "  id-token: write\n"
        "  contents: read\n"
        "jobs:\n"
        "  hq:\n"
        "    runs-on: ubuntu-latest\n"
        f"{environment}"
        "    steps:\n"
        "      - run: |\n"
        "          set -o pipefail\n"
        '          HQ_TOKEN=$(curl -fsS -H "Authorization: bearer $ACTIONS_ID_TOKEN_REQUEST_TOKEN" \\\n'
        f'            "$ACTIONS_ID_TOKEN_REQUEST_URL&audience={quote(by.conditions.audience, safe="")}" \\\n'
        "          | jq -j .value \\\n"
        f"          | {line} \\\n"
        "          | jq -r .access_token)\n"
        '          echo "::add-mask::$HQ_TOKEN"\n'
        f'          curl -fsS -H "Authorization: Bearer $HQ_TOKEN" {settings.BASE_URL}/v1/me'
    )
    runs = {
        "environment": f"Every job that names the environment {name} gets in; no other does.",
        "ref": "A job that names an environment has another subject, and is refused.",
    }
    return [
        Step(
            title="Put this into the workflow",
            text=f"It asks GitHub for a token, exchanges it, and hides HQ’s in the log. {runs.get(kind, '')}".strip(),
            code=job,
            label="the workflow",
        )
    ]


def _kubernetes(by: Entrance) -> list[Step]:
    # Kubernetes renews it when a fifth of its life is left (and takes no less than 600): what the pod then reads still
    # lives as long as HQ's token is to.
    *_, namespace, account = by.conditions.subject.split(":")
    pod = (
        "apiVersion: v1\n"
        "kind: Pod\n"
        "metadata:\n"
        "  name: your-app\n"
        f"  namespace: {json.dumps(namespace)}\n"
        "spec:\n"
        f"  serviceAccountName: {json.dumps(account)}\n"
        "  containers:\n"
        "    - name: your-app\n"
        "      image: your-image\n"
        "      volumeMounts:\n"
        "        - name: hq\n"
        "          mountPath: /var/run/secrets/hq\n"
        "          readOnly: true\n"
        "  volumes:\n"
        "    - name: hq\n"
        "      projected:\n"
        "        sources:\n"
        "          - serviceAccountToken:\n"
        "              path: token\n"
        f"              audience: {json.dumps(by.conditions.audience)}\n"
        f"              expirationSeconds: {max(600, 5 * by.seconds)}"
    )
    return [
        Step(
            title="Give the pod a token for HQ",
            text="Kubernetes writes it into a file, and a new one before it is over.",
            code=pod,
            label="the pod",
        ),
        Step(
            title="Exchange it, in the pod",
            text="curl reads the file; the token stands in no command.",
            code=exchange_line(by.trust_id, "/var/run/secrets/hq/token"),
            label="the command that exchanges the token",
        ),
    ]


def _other(by: Entrance) -> list[Step]:
    return [
        Step(
            title="Get a token from the issuer, and exchange it",
            text=f"Ask for one with the audience {by.conditions.audience}. Have it in a file called token, without a"
            " line break at its end.",
            code=exchange_line(by.trust_id, "token"),
            label="the command that exchanges the token",
        )
    ]


_STEPS: Final[dict[str, Callable[[Entrance], list[Step]]]] = {
    Kind.AWS: _aws,
    Kind.GCP: _gcp,
    Kind.AZURE: _azure,
    Kind.GITHUB: _github,
    Kind.KUBERNETES: _kubernetes,
    Kind.OTHER: _other,
}
