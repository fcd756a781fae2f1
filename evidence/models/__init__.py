"""What the room keeps: checkpoints, what others said of them, and who gets a copy."""

from evidence.models.checkpoints import Checkpoint, Cosignature, Incident
from evidence.models.explorer import NamesRead, SavedView, TrailName, TrailWord
from evidence.models.exports import TrailExport
from evidence.models.witnesses import MailWitness, WitnessedLog

__all__ = [
    "Checkpoint",
    "Cosignature",
    "Incident",
    "MailWitness",
    "NamesRead",
    "SavedView",
    "TrailExport",
    "TrailName",
    "TrailWord",
    "WitnessedLog",
]
