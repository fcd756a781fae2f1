"""What HQ saw as a witness only goes on from what it was, whoever writes the row: else two forks could be cosigned.

An alarm about a single entry keeps no log from being committed to, as it did where the entry was the newest that was
signed. Nor does a checkpoint from a clock that was ahead, or a mail. And there is one kind of incident more: an entry
that a check of the whole log found not to fit.
"""

from importlib import import_module

from django.db import migrations, models

from audit.monthly import OnlyGoesOn, Replaced

BEFORE = import_module("evidence.migrations.0002_isolation")
OF_THE_TREE = "i.kind NOT IN ('witness', 'altered', 'unfit')"
# `before` is 25 seconds ago: what is half a minute ahead of now was not made just before.
DUE = BEFORE.DUE.replace("i.kind <> 'witness'", OF_THE_TREE).replace(
    "coalesce(newest.at < before, true)", "(newest.at BETWEEN before AND before + interval '1 minute') IS NOT TRUE"
)
COMMITTED = BEFORE.COMMITTED.replace("i.kind <> 'witness'", OF_THE_TREE)
MAIL = BEFORE.MAIL.replace(
    "coalesce(w.sent_at < before, true)", "(w.sent_at BETWEEN before AND before + interval '25 hours') IS NOT TRUE"
)
GROWS = """
    NEW.origin = OLD.origin AND NEW.at >= OLD.at
    AND (NEW.size > OLD.size OR NEW.size = OLD.size AND NEW.root = OLD.root)
"""
FOUND = "TABLE (organization_id uuid, environment_id uuid)"


class Migration(migrations.Migration):
    dependencies = [("evidence", "0005_altered"), ("audit", "0011_goes_on")]

    operations = [
        migrations.AlterField(
            model_name="incident",
            name="kind",
            field=models.CharField(
                choices=[
                    ("shorter", "Shorter"),
                    ("forked", "Forked"),
                    ("damaged", "Damaged"),
                    ("broken", "Broken"),
                    ("witness", "Witness"),
                    ("altered", "Altered"),
                    ("unfit", "Unfit"),
                ],
                max_length=10,
            ),
        ),
        OnlyGoesOn(table="evidence_witnessedlog", goes_on=GROWS),
        Replaced(name="evidence_find_due", arguments="before timestamptz", returns=FOUND, old=BEFORE.DUE, new=DUE),
        Replaced(name="evidence_find_committed", arguments="", returns=FOUND, old=BEFORE.COMMITTED, new=COMMITTED),
        Replaced(
            name="evidence_find_mail",
            arguments="before timestamptz, asked_before timestamptz",
            returns="TABLE (organization_id uuid)",
            old=BEFORE.MAIL,
            new=MAIL,
        ),
    ]
