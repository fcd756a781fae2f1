"""What is kept for how long, what must not go, and what is asked to go for good."""

from retention.models.erasure import Erasure, PersonErasure
from retention.models.periods import Enforcement, Hold, Period

__all__ = ["Enforcement", "Erasure", "Hold", "Period", "PersonErasure"]
