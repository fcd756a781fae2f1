"""How soon an act is committed to by a checkpoint, and what an export of many entries costs: to make, and to verify.

The requests are written past HQ, each with a detail of its own that is sealed as HQ seals it; they get their places and
links by HQ, and go through the job that makes exports. What comes out is checked by bin/verify, as a stranger runs it:
in an interpreter of its own without site packages, with no network and one core.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage

from django.db import connection

from audit import actions as audit
from audit import recorder
from audit.recorder import Target
from audit.tags import Log, Tag
from bench.access_data import administrator
from bench.figures import Figure, Report, forget_peak, peak, seconds
from evidence.actions.checkpoints import make_checkpoint
from evidence.actions.exports import Range, open_trail_export, request_trail_export
from evidence.models import TrailExport
from hq.crypto import chain
from hq.db.context import tenant
from hq.embedded.layout import ROOT
from hq.lib.canonical import canonical
from hq.lib.clock import now
from hq.lib.ids import new_id
from tests.factories import ORIGIN, Place, make_place, run_jobs

PIECE = 1 << 22


def measure(*, entries: int = 1_000_000, acts: int = 20) -> Report:
    place = make_place()
    demanded = [_act_to_checkpoint(place) for _ in range(acts)]
    write_lines(place, entries)
    sequenced = seconds(lambda: audit.grow(place.id, place.live_id))
    small, _ = _export(place, log=Log.ADMIN)  # what is loaded once is loaded
    with tempfile.TemporaryDirectory() as folder:
        made, grown = _export(place, log=Log.ACCESS)
        file = _download(place, made, Path(folder))
        wall, core = verify(file)
        size = file.stat().st_size
    took = (made.made_at - made.created_at).total_seconds() if made.made_at else 0.0
    return Report(
        sizes=f"{entries:,} entries of the access log, {size / 2**20:,.0f} MiB as a ZIP; {acts} acts",
        figures=[
            Figure(what="act to checkpoint, on demand", samples=demanded, unit=" s", at_most=1),
            Figure(what="verified offline, on one core", samples=[core], unit=" s", at_most=10),
            Figure(what="memory of making the export, beyond a small one's", samples=[grown], unit=" MiB", at_most=64),
        ],
        beside={
            "verified offline, by the clock": f"{wall:.1f} s",
            "export made": f"{took:.0f} s, {entries / max(took, 0.001):,.0f} entries/s",
            "given their places": f"{sequenced:.0f} s",
            "the small export": f"{(small.last or 0):,} entries",
            "load": f"{os.getloadavg()[0]:.1f}",
        },
    )


def _act_to_checkpoint(place: Place) -> float:
    """From when an act is committed to when a signed checkpoint that covers it can be fetched."""
    with tenant(place.id):
        event = recorder.record(place.actor(), Tag.GROUP_CREATED, target=Target("group", new_id(), "Group"))

    def commit() -> None:
        made = make_checkpoint(place.id, place.live_id, Log.ADMIN)
        if made is None or made.size < event.index:
            raise RuntimeError("The checkpoint does not cover the act.")

    return seconds(commit)


def write_lines(place: Place, count: int) -> None:
    """As recorder.record_access makes them, but with COPY."""
    add, actor = recorder._add_access, place.actor()  # noqa: SLF001 - the very columns that HQ writes
    with administrator() as link, link.cursor() as cursor:
        with cursor.copy(f"COPY audit_accessentry ({add._columns}) FROM STDIN".encode()) as lines:  # noqa: SLF001 - as above
            for number in range(count):
                detail = {"actor": actor.label, "user_agent": "bench", "path": f"claims/2026/report-{number}.pdf"}
                salt = os.urandom(chain.SALT_BYTES)
                row = add.row(
                    id=new_id(),
                    organization_id=place.id,
                    environment_id=place.live_id,
                    at=now(),
                    actor_kind=actor.kind,
                    actor_id=actor.id,
                    method=actor.method,
                    verb="GET",
                    route="v1/environments/<uuid:environment_id>/objects/<path:path>",
                    status=200,
                    ip=ORIGIN.ip,
                    request_id=f"request-{number}",
                    duration_ms=3,
                    detail=detail | {"salt": salt.hex()},
                    commitment=chain.commitment(salt, canonical(detail)),
                )
                lines.write_row(add._of(row, connection))  # noqa: SLF001 - as above
        link.execute("ANALYZE audit_accessentry")


def _export(place: Place, *, log: Log) -> tuple[TrailExport, float]:
    """The finished export, and by how many MiB this process grew while it was made."""
    with tenant(place.id):
        asked = request_trail_export(actor=place.actor(), wish=Range(log=log))
    before = forget_peak()
    run_jobs()
    grown = (peak() - before) / 2**20
    with tenant(place.id):
        return TrailExport.objects.get(pk=asked.pk), grown


def _download(place: Place, made: TrailExport, folder: Path) -> Path:
    given, file = open_trail_export(actor=place.actor(), export_id=made.pk), folder / "trail.zip"
    with file.open("wb") as out:
        for start in range(0, made.size, PIECE):
            piece = given.read(start, min(start + PIECE, made.size))
            try:
                for block in piece:
                    out.write(block)
            finally:
                piece.close()
    return file


def verify(file: Path) -> tuple[float, float]:
    """Seconds by the clock, and of the processor: what others do on the machine meanwhile is not counted."""
    python, before = shutil.which("python3") or sys.executable, getrusage(RUSAGE_CHILDREN)
    taken = seconds(lambda: _verified(python, file))
    after = getrusage(RUSAGE_CHILDREN)
    return taken, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _verified(python: str, file: Path) -> None:
    said = subprocess.run([python, "-I", ROOT / "bin" / "verify", file], capture_output=True, text=True, check=False)
    if said.returncode != 3:  # nothing is wrong, and nobody said whose key to expect
        raise RuntimeError(said.stdout + said.stderr)
