"""The tables of this room.

The organization is a plain id in all of them: the deployment itself has keys too and is no organization, and evidence
of destruction outlives the organization that was destroyed.
"""

from keys.models.custody import Cmk, DataKey, wrapping_context
from keys.models.evidence import SigningKey, Statement
from keys.models.runs import Destruction, Holding, Rotation

__all__ = ["Cmk", "DataKey", "Destruction", "Holding", "Rotation", "SigningKey", "Statement", "wrapping_context"]
