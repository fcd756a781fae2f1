"""What a child process may not have from its parent, it begins anew."""

import os
from collections.abc import Callable
from weakref import WeakMethod


def in_each_child(begin_anew: Callable[[], None]) -> None:
    """Call this method in every child process, for as long as its object lives.

    Nobody in a child will release the locks that the parent's other threads held, and sockets are not shared.
    """
    method = WeakMethod(begin_anew)

    def begin() -> None:
        living = method()
        if living is not None:
            living()

    os.register_at_fork(after_in_child=begin)
