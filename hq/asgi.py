"""The live process: `python -m hq.asgi` serves what pages are told as it happens (docs/streams.md).

The server runs inside, so that this program hears that it has to stop: open streams say so and end before it does.
"""

import asyncio
import logging
import os
import resource
import signal

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hq.settings")
django.setup(set_prefix=False)

from django.conf import settings  # noqa: E402 - it reads the settings
from granian.constants import HTTPModes, Interfaces  # noqa: E402 - as above
from granian.log import LogLevels  # noqa: E402 - as above
from granian.server.embed import Server  # noqa: E402 - as above

from streams.live.app import Live  # noqa: E402 - it reads the settings

SPARE = 200  # connections beside those of streams: who is refused, and who asks whether we are there


async def serve() -> None:
    """Until SIGTERM or SIGINT."""
    live = Live()
    server = Server(
        live,
        address=settings.LIVE_HOST,
        port=settings.LIVE_PORT,
        interface=Interfaces.ASGINL,
        http=HTTPModes.http1,
        websockets=False,
        backlog=4096,
        backpressure=settings.LIVE_MOST + SPARE,
        log_level=LogLevels.error,
    )

    async def stop() -> None:
        await live.hub.stop()
        server.stop()  # type: ignore[no-untyped-call]  # granian has no types

    ending: list[asyncio.Task[None]] = []
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, lambda: ending.append(loop.create_task(stop())))
    live.hub.start()
    await server.serve()


def main() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    asyncio.run(serve())
    # The server's own threads may still be letting go of what is Python's. An interpreter that tears itself down ends
    # them by force in the midst of that, and they abort the process.
    logging.shutdown()
    os._exit(0)


if __name__ == "__main__":
    main()
