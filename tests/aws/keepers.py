"""HQ's provider for AWS KMS at an address of the tests, and what it logs."""

from hq.web.logs import LineFormatter
from keys.providers.kms import KmsProvider
from keys.providers.kms_line import Line, Pace
from tests.aws import servers

ARN = f"arn:aws:kms:{servers.REGION}:111122223333:key/12345678-1234-1234-1234-123456789012"
ONCE = Pace(tries=1, faults_to_open=1000)
ANOTHER = ARN[:-1] + "0"


def keeper_at(address, pace=ONCE):
    return KmsProvider(Line(servers.REGION, address, pace=pace))


def lines(caplog):
    return "\n".join(LineFormatter().format(record) for record in caplog.records)
