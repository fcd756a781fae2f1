"""What enters, is shared, leaves and ends: every figure of the vault in one run."""

from bench import edge, erasure, exports, listing, redeem, store
from bench.figures import Report
from bench.link_kinds import ARTIFACTS, SHARES


def measure() -> Report:
    reports = {
        "store": store.measure(rounds=5),
        "listing": listing.measure(),
        **{kind.name: redeem.measure(links=1000, hands=10, kills=3, kind=kind) for kind in (SHARES, ARTIFACTS)},
        "edge": edge.measure(),
        "exports": exports.measure(rounds=3),
        "erasure": erasure.measure(),
    }
    return Report(
        sizes="; ".join(f"{name}: {report.sizes}" for name, report in reports.items()),
        figures=[figure for report in reports.values() for figure in report.figures],
        beside={f"{name}: {what}": value for name, report in reports.items() for what, value in report.beside.items()},
    )
