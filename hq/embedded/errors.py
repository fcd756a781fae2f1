class CannotStart(Exception):
    """Something stands in the way. The message is one sentence that says what, and what to do about it."""
