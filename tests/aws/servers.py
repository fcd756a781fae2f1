"""ministack and moto as child processes, in the environment that bin/test keeps for them (`.venv-aws`).

ministack judges who asks and in what state a key is, but does not authenticate what it wraps. moto does the reverse,
and rotates on demand. Between them they show all of what HQ needs.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import boto3
from botocore.config import Config

from hq.embedded import process
from tests.database import free_port, home

REGION = "eu-central-1"
PYTHON = Path(sys.prefix).with_name(Path(sys.prefix).name + "-aws") / "bin" / "python"
DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
POLICY, S3_POLICY = DEPLOY / "aws-kms-policy.json", DEPLOY / "aws-s3-policy.json"
ADMIN = ("test", "test")  # ministack lets this one do everything, so HQ never gets it
STARTING_SECONDS = 30


def worker() -> int:
    return int(os.environ.get("PYTEST_XDIST_WORKER", "gw-1").removeprefix("gw")) + 1


def _answers(child: subprocess.Popen[bytes], address: str) -> bool:
    if child.poll() is not None:
        return True
    try:
        with urlopen(address, timeout=1):
            return True
    except (URLError, OSError):
        return False


@contextmanager
def serving(name: str, arguments: Sequence[str | Path], health: str, **variables: str) -> Iterator[str]:
    """The address of a server that was started with {port} in its arguments and variables put in."""
    port = str(free_port(worker()))
    folder = home() / f"{name}-{port}"
    folder.mkdir()
    log = folder / "log"
    address = f"http://127.0.0.1:{port}"
    given = process.bare_environment() | {"HOME": str(folder), "PYTHONUNBUFFERED": "1"}
    with log.open("wb") as output:
        child = process.spawn(
            [str(word).format(port=port) for word in (PYTHON, *arguments)],
            environment=given | {key: value.format(port=port) for key, value in variables.items()},
            output=output.fileno(),
            directory=folder,
        )
    try:
        answered = process.wait_until(lambda: _answers(child, address + health), seconds=STARTING_SECONDS)
        if not answered or child.poll() is not None:
            raise RuntimeError(f"{name} did not start; it said:\n{log.read_text(errors='replace')}")
        yield address
    finally:
        process.stop(child, signal.SIGTERM, seconds=5)


def ministack(certificate: Path, tls_port: int) -> Any:
    """KMS, S3 and IAM with authentication on; besides its address without TLS it has one with. Raises RuntimeError."""
    return serving(
        "ministack",
        [Path(__file__).with_name("reencrypting_ministack.py")],
        "/_ministack/health",
        AUTH="true",
        BIND_HOST="127.0.0.1",
        GATEWAY_PORT=str(tls_port),
        PLAIN_PORT="{port}",
        USE_SSL="1",
        MINISTACK_SSL_CERT=str(certificate),
        MINISTACK_SSL_KEY=str(certificate),
        IOT_MTLS_ENABLED="0",
        SERVICES="kms,s3,iam,sts",
    )


def moto() -> Any:
    """Raises RuntimeError."""
    return serving("moto", ["-m", "moto.server", "-H", "127.0.0.1", "-p", "{port}"], "/moto-api/")


def client(service: str, address: str, credentials: tuple[str, str] = ADMIN, region: str = REGION) -> Any:
    """A client for preparing and looking, with nothing of HQ in it."""
    return boto3.session.Session(*credentials, region_name=region).client(
        service, endpoint_url=address, config=Config(retries={"total_max_attempts": 1})
    )


def user(address: str, name: str = "hq", *policies: str) -> tuple[str, str]:
    """The access key of a new IAM user who may do what HQ's documented policy for KMS says, or the given ones."""
    iam = client("iam", address)
    iam.create_user(UserName=name)
    for number, policy in enumerate(policies or [POLICY.read_text()]):
        document = json.dumps(json.loads(policy))
        iam.put_user_policy(UserName=name, PolicyName=f"hq-{number}", PolicyDocument=document)
    made = iam.create_access_key(UserName=name)["AccessKey"]
    return made["AccessKeyId"], made["SecretAccessKey"]


def use(patch: Any, credentials: tuple[str, str] | None) -> None:
    """Let boto3's own chain find these credentials and nothing of the person's who runs the tests."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        patch.delenv(name)
    patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    patch.setenv("AWS_CONFIG_FILE", os.devnull)
    patch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    if credentials:
        patch.setenv("AWS_ACCESS_KEY_ID", credentials[0])
        patch.setenv("AWS_SECRET_ACCESS_KEY", credentials[1])
