"""The role whose sessions land files in S3: its own policy is the documented one, and only HQ's user may assume it."""

import json
from typing import Any

from tests.aws import servers
from tests.aws.fixtures import Aws

POLICY = servers.DEPLOY / "aws-s3-landing-policy.json"
NAME = "hq-landing"


def landing_role(aws: Aws) -> str:
    """Its ARN. Made once; HQ's user gets the right to assume it."""
    iam = aws.client("iam")
    users = {user["UserName"]: user["Arn"] for user in iam.list_users()["Users"]}
    trust = _statement("sts:AssumeRole", Principal={"AWS": users["hq-s3"]})
    try:
        arn: str = iam.create_role(RoleName=NAME, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    except iam.exceptions.EntityAlreadyExistsException:
        arn = iam.get_role(RoleName=NAME)["Role"]["Arn"]
    iam.put_role_policy(RoleName=NAME, PolicyName="landing", PolicyDocument=POLICY.read_text())
    assume = _statement("sts:AssumeRole", Resource=arn)
    iam.put_user_policy(UserName="hq-s3", PolicyName="assume", PolicyDocument=json.dumps(assume))
    return arn


def _statement(action: str, **more: Any) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, **more}]}
