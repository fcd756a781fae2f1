"""The whole API is asked by schemathesis whether it is as its own document says, with every check on."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from drf_spectacular.validation import validate_schema

from hq.db.context import tenant
from hq.web import docs
from sharing import actions as sharing
from tests.factories import ORIGIN
from tests.world import World

pytestmark = pytest.mark.django_db(transaction=True)
KINDS = {
    "index": "int",
    "number": "int",
    "job_id": "uuid",
    "environment_id": "uuid",
    "organization_id": "uuid",
    "path": "path",
}


def real_ids(world, path):
    """Ids of things that are there, for the parameters of a path."""
    route = re.sub(r"\{(\w+)\}", lambda found: f"<{KINDS.get(found[1], 'uuid')}:{found[1]}>", path.lstrip("/"))
    names, filled = re.findall(r"\{(\w+)\}", path), world.url(route)
    pattern = re.sub(r"\\\{\w+\\\}", "(.+)", re.escape(path))
    found = re.fullmatch(pattern, filled)
    assert found is not None, (path, filled)
    return {
        f"path.{name}": int(value) if KINDS.get(name) == "int" else value
        for name, value in zip(names, found.groups(), strict=True)
    }


PARTS = 4  # each in an organization of its own, so that no worker has to wait for all of it
HOOKS = Path(__file__).with_name("asked_once.py")
# A check that is not as strict as it could be, and why. All are on everywhere.
TOLERATED: dict[str, list[str | int]] = {
    # Schema-valid requests: the state of things, preconditions and keys sent twice are no fault of the document's.
    "positive_data_acceptance": ["2xx", "3xx", 401, 403, 404, 409, 412, 422],
    # What is wrong may be refused for another fault of the same request, such as a precondition.
    "negative_data_rejection": ["4xx"],
}
# Operations whose bodies or queries have rules that no schema tells: paths of objects, members and files that have to
# be there, one of several members of a body, a token that has to be true, an address that can be fetched.
RULES = {
    "add_audit_witness",
    "address_upload_parts",
    "begin_upload",
    "change_agreement",
    "change_agreement_template",
    "change_artifact",
    "change_stream",
    "change_webhook",
    "check_agreement_table",
    "correct_agreement_signer",
    "create_agreement",
    "create_agreement_template",
    "create_api_key",
    "create_artifact",
    "create_share",
    "create_stream",
    "create_trail_export",
    "create_webhook",
    "delete_object",
    "deploy",
    "deploy_folder",
    "exchange_token",
    "explain_access",
    "get_audit_consistency",
    "get_object",
    "get_object_metadata",
    "give_access",
    "list_access",
    "list_audit_events",
    "list_audit_requests",
    "list_object_versions",
    "list_objects",
    "put_in_group",
    "put_object",
    "put_shared_object",
    "get_shared_object",
    "issue_storage_credentials",
    "open_direct_way",
    "get_agreement_template_text",
    "replace_agreement_document",
    "replace_agreement_template_text",
    "replay_stream",
    "replay_webhook",
    "restore_object",
    "send_agreement",
    "set_agreement_fields",
    "set_agreement_signers",
    "use_agreement_template",
    "void_agreement",
}


def configuration(world, session):
    lines = [
        f"hooks = {json.dumps(str(HOOKS))}",
        "[parameters]",
        '"query.cursor" = ""',  # any other is made by a page before; test_cursors sends those that are none
        "[phases.coverage]",
        'unexpected-methods = ["PATCH", "TRACE"]',
        "[checks]",
        *(f"{name}.expected-statuses = {json.dumps(statuses)}" for name, statuses in TOLERATED.items()),
        "[auth.openapi]",
        f"apiKey = {{ bearer = {json.dumps(world.secret)} }}",
        f"shareSession = {{ bearer = {json.dumps(session)} }}",
    ]
    for path, operations in docs.schema()["paths"].items():
        ids = real_ids(world, path)
        for operation in operations.values():
            name, allowed = operation["operationId"], TOLERATED["positive_data_acceptance"]
            if name not in RULES and not ids:
                continue
            lines += ["[[operations]]", f"include-operation-id = {json.dumps(name)}"]
            if name in RULES:
                lines += [f"checks.positive_data_acceptance.expected-statuses = {json.dumps([400, *allowed])}"]
            lines += [f"parameters.{json.dumps(name)} = {json.dumps(value)}" for name, value in ids.items()]
    return "\n".join(lines)


def operations(part: int) -> list[str]:
    every = sorted(each["operationId"] for path in docs.schema()["paths"].values() for each in path.values())
    return every[part::PARTS]


@pytest.mark.parametrize("part", range(PARTS))
def test_the_api_is_as_its_document_says(part: int, address: str, tmp_path: Path, settings) -> None:
    """Examples, the edges of every schema, and some of what is between, by a fixed seed.

    The stateful phase is left out: it deletes what the lists show, its own key among it, and is then refused.
    """
    for name in ("LIMIT_IP", "LIMIT_KEY", "LIMIT_ORGANIZATION", "LIMIT_UNKNOWN"):
        setattr(settings, name, (1_000_000, 60))
    world = World()
    with tenant(world.place.id):
        token = sharing.create_share(actor=world.place.actor(), paths=["a/b"]).token
    session = sharing.redeem_share(token=token, origin=ORIGIN).session_token
    (tmp_path / "schemathesis.toml").write_text(configuration(world, session))
    done = subprocess.run(
        [
            str(Path(sys.executable).parent / "schemathesis"),
            f"--config-file={tmp_path / 'schemathesis.toml'}",
            "run",
            f"{address}/v1/openapi.json",
            "--checks=all",
            "--phases=examples,coverage,fuzzing",
            "--max-examples=2",
            "--seed=1",
            "--continue-on-failure",
            "--request-timeout=60",
            *(f"--include-operation-id={name}" for name in operations(part)),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-20_000:]


def test_the_document_is_valid_and_was_made_without_a_doubt(capfd) -> None:
    """Two bodies of one name, for one, would be told as if they were one."""
    docs.schema.cache_clear()
    validate_schema(docs.schema())
    assert capfd.readouterr().err == ""
