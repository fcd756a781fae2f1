"""A process that answers one POST and is killed, as a power cut would, at a named step.

`python -m tests.web.crasher STEP` reads the request from its standard input, as JSON. No hook in the product: what it
calls at each step is replaced here.
"""

import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

STEPS = ("done, not kept", "kept, not committed", "committed, not sent")


def die(*_: Any, **__: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)
    signal.pause()


def after(call: Callable[..., Any]) -> Callable[..., Any]:
    def dying(*args: Any, **kwargs: Any) -> Any:
        call(*args, **kwargs)
        die()

    return dying


def main() -> None:
    import django

    django.setup()
    from django.test import Client

    from tenants.actions import Answers
    from tenants.middleware import TenantContext

    match sys.argv[1]:
        case "done, not kept":
            Answers.keep = die  # type: ignore[method-assign]  # it dies there, or right after
        case "kept, not committed":
            Answers.keep = after(Answers.keep)  # type: ignore[method-assign]  # it dies there, or right after
        case "committed, not sent":
            TenantContext.__call__ = after(TenantContext.__call__)  # type: ignore[method-assign]  # it dies there, or right after
    request = json.load(sys.stdin)
    answer = Client().post(request["url"], request["body"], content_type="application/json", headers=request["headers"])
    print("survived", answer.status_code, answer.content)


if __name__ == "__main__":
    main()
