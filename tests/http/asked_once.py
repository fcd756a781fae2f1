"""Given to schemathesis as its hooks, so that each edge is asked once for each piece of code that reads it.

Ids in paths, cursors, limits, conditions and keys to repeat by are read in one place for every operation. Their edges
are asked at a few operations, and those of everything else at all.
"""

from typing import Any

import schemathesis
from schemathesis.generation.meta import CoveragePhaseData

READ_IN_ONE_PLACE = {
    "Idempotency-Key",
    "If-Match",
    "If-None-Match",
    "cursor",
    "delivery_id",
    "environment_id",
    "id",
    "job_id",
    "limit",
    "member_id",
    "organization_id",
}
ASKED_THERE = {"create_group", "get_group", "get_job", "list_groups", "remove_group", "rename_group"}


@schemathesis.hook
def filter_case(_context: Any, case: Any) -> bool:
    """Whether a case is sent. What is not of the coverage phase is chosen by a seed, and is."""
    asked = case.meta.phase.data if case.meta else None
    if not isinstance(asked, CoveragePhaseData) or asked.parameter not in READ_IN_ONE_PLACE:
        return True
    return case.operation.definition.raw["operationId"] in ASKED_THERE


@schemathesis.serializer("application/x-tar", "application/gzip", "application/pdf", "text/markdown")
def file(_context: Any, value: Any) -> bytes:
    """Whatever is made up for an archive or a document goes as it is: it is none, and has to be refused as such."""
    return value if isinstance(value, bytes) else str(value).encode()
