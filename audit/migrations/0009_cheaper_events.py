"""What an event costs its act, with the same rules: one index less, and a rule that the server does not read anew.

What somebody did is listed by time, as everything is, so the index of it by place serves nobody.

A table's CHECK is parsed again for each statement that writes; that of a domain is kept. Every row satisfied the former,
so the latter is not checked against them, and no table is written anew: a domain without a rule is the type it is of.
Not so for the rule on `index`, as another type of that would have its indexes made anew.
"""

from django.db import migrations

EVENTS = "ALTER TABLE audit_auditevent"
DIGESTS = ("hash", "previous", "commitment")


class Migration(migrations.Migration):
    dependencies = [("audit", "0008_place_in_one_trip")]

    operations = [
        migrations.RemoveIndex("auditevent", "audit_event_actor"),
        migrations.RemoveConstraint("auditevent", "audit_hashes_are_sha256"),
        migrations.RunSQL(
            [
                "CREATE DOMAIN audit_sha256 AS bytea",
                f"{EVENTS} {', '.join(f'ALTER {name} TYPE audit_sha256' for name in DIGESTS)}",
                "ALTER DOMAIN audit_sha256 ADD CONSTRAINT audit_hashes_are_sha256 CHECK (length(VALUE) = 32) NOT VALID",
            ],
            [
                f"{EVENTS} {', '.join(f'ALTER {name} TYPE bytea' for name in DIGESTS)}",
                "DROP DOMAIN audit_sha256",
            ],
        ),
    ]
