"""One change of an organization's keys at a time."""

from uuid import UUID

from hq.db.locks import hold


def wait_for_turn(organization_id: UUID) -> None:
    """Until this transaction ends, nobody else provisions, rotates, moves or destroys this organization's keys."""
    hold(f"hq.keys:{organization_id}")
