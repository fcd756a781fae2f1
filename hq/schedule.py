"""What beat rings for, and how often. A ring that comes late is worth nothing: the next one does the same."""

from datetime import timedelta
from typing import TypedDict


class _Ring(TypedDict, total=False):
    task: str
    schedule: timedelta
    options: dict[str, object]


SCHEDULE: dict[str, _Ring] = {
    "ring": {"task": "jobs.ring", "schedule": timedelta(seconds=5), "options": {"expires": 5}},
    "ring-network": {
        "task": "jobs.ring_network",
        "schedule": timedelta(seconds=5),
        "options": {"expires": 5, "queue": "hq.network"},
    },
    "reap": {"task": "jobs.reap", "schedule": timedelta(seconds=15), "options": {"expires": 15}},
    "sequence-logs": {"task": "audit.sweep_logs", "schedule": timedelta(seconds=15), "options": {"expires": 15}},
    "watch-months": {"task": "audit.sweep_months", "schedule": timedelta(days=1), "options": {"expires": 86_400}},
    "verify-chains": {"task": "audit.sweep", "schedule": timedelta(minutes=10), "options": {"expires": 600}},
    "commit-to-logs": {"task": "evidence.sweep", "schedule": timedelta(seconds=20), "options": {"expires": 20}},
    "read-names": {"task": "evidence.sweep_names", "schedule": timedelta(seconds=20), "options": {"expires": 20}},
    "compare-logs": {"task": "evidence.look_again", "schedule": timedelta(hours=6), "options": {"expires": 3600}},
    "mail-checkpoints": {"task": "evidence.sweep_mail", "schedule": timedelta(hours=1), "options": {"expires": 3600}},
    "expire-links": {"task": "sharing.sweep", "schedule": timedelta(minutes=5), "options": {"expires": 300}},
    "expire-exports": {"task": "exports.sweep", "schedule": timedelta(hours=1), "options": {"expires": 3600}},
    "tidy-people": {"task": "tenants.sweep", "schedule": timedelta(minutes=5), "options": {"expires": 300}},
    "forget-directory-log": {
        "task": "directory.forget_log",
        "schedule": timedelta(hours=1),
        "options": {"expires": 3600},
    },
    "look-after-keys": {"task": "keys.sweep", "schedule": timedelta(minutes=10), "options": {"expires": 600}},
    "look-after-directories": {"task": "directory.sweep", "schedule": timedelta(hours=1), "options": {"expires": 3600}},
    "forget-workloads": {"task": "workloads.sweep", "schedule": timedelta(hours=1), "options": {"expires": 3600}},
    "forget-webhook-log": {"task": "webhooks.sweep", "schedule": timedelta(hours=1), "options": {"expires": 3600}},
    "keep-no-longer": {"task": "retention.sweep", "schedule": timedelta(minutes=10), "options": {"expires": 600}},
    "send-streams": {"task": "streams.sweep", "schedule": timedelta(seconds=5), "options": {"expires": 5}},
    "look-after-agreements": {"task": "signing.sweep", "schedule": timedelta(minutes=1), "options": {"expires": 60}},
    "look-after-artifacts": {"task": "artifacts.sweep", "schedule": timedelta(seconds=15), "options": {"expires": 15}},
    "take-in-what-landed": {"task": "vault.take_in", "schedule": timedelta(seconds=30), "options": {"expires": 30}},
    "expire-trail-exports": {
        "task": "evidence.sweep_exports",
        "schedule": timedelta(hours=1),
        "options": {"expires": 3600},
    },
    "archive-trails": {"task": "archive.sweep", "schedule": timedelta(minutes=10), "options": {"expires": 600}},
    "collect-orphans": {"task": "vault.sweep", "schedule": timedelta(minutes=10), "options": {"expires": 600}},
}
