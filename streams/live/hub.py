"""Everybody who watches: who is connected, what wakes them, and the one poller that asks for all of them."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError

from hq.lib.errors import TooMany, Unavailable
from streams.live import feed
from streams.live.events import Event, Position, new_for
from streams.live.feed import Place, Watched
from streams.live.people import Asked, Viewer, look_up

log = logging.getLogger("hq.live")
POLL = 1.0
THREADS = 4  # each holds at most one connection to the database, and only while it asks
WAIT = 30.0
_T = TypeVar("_T")


@dataclass(eq=False, slots=True)
class Connection:
    """One open stream. `bell` rings when there may be something new, and when it has to end."""

    asked: Asked
    viewer: Viewer
    position: Position
    backlog: list[Event] = field(default_factory=list)
    bell: asyncio.Event = field(default_factory=asyncio.Event)
    gone: bool = False

    @property
    def place(self) -> Place:
        return self.viewer.organization_id, self.viewer.environment_id


@dataclass(eq=False, slots=True)
class _Question:
    """Who somebody is, as one look-up says for all who ask at the same time. `begun`: it may have been read already."""

    begun: bool = False
    answer: "asyncio.Future[Viewer] | None" = None


class Hub:
    """Belongs to one event loop. For an idle connection it keeps a few small objects, and no link to anything."""

    def __init__(self) -> None:
        self.connections: set[Connection] = set()
        self.places: dict[Place, Watched] = {}
        self.people: dict[UUID, Watched] = {}
        self.of_person: Counter[UUID] = Counter()
        self.opening = 0
        self.stopping = False
        self._left = asyncio.Event()  # nobody is connected any more
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="live")
        self._asking: dict[Asked, _Question] = {}
        self._poller: asyncio.Task[None] | None = None

    async def ask(self, question: Callable[..., _T], *arguments: Any) -> _T:
        """Ask the database, in a thread."""

        def asking() -> _T:
            try:
                return question(*arguments)
            finally:
                feed.release()

        return await asyncio.get_running_loop().run_in_executor(self._threads, asking)

    async def viewer_of(self, asked: Asked) -> Viewer:
        """Who that is now. Those who ask the same at the same moment, as all pages of one browser do, ask once.

        Nobody joins a question that is being answered: what it reads may be older than what they are to be told, and
        they may have lost their right in between. Raises Problem, DatabaseError.
        """
        asking = self._asking.get(asked)
        if asking is None or asking.begun or asking.answer is None:
            asking = self._asking[asked] = _Question()
            asking.answer = asyncio.ensure_future(self.ask(_answered, asking, asked))
            asking.answer.add_done_callback(partial(self._forget, asked, asking))
        return await asyncio.shield(asking.answer)

    def _forget(self, asked: Asked, own: _Question, _: object) -> None:
        if self._asking.get(asked) is own:
            del self._asking[asked]

    # ---- who comes and goes

    async def join(self, asked: Asked, viewer: Viewer, told: Position | None) -> Connection:
        """Take a place among the connections. `told` is where an earlier one stopped. Raises TooMany, Unavailable."""
        self._require_room(viewer.person_id)
        self.of_person[viewer.person_id] += 1
        self.opening += 1
        try:
            place = (viewer.organization_id, viewer.environment_id)
            lengths, newest = await self.ask(feed.lengths, [place]), await self.ask(feed.newest, [viewer.person_id])
            admin, access = lengths.get(place, (0, 0))
            now = Position(admin, access, newest.get(viewer.person_id, Position().account))
            # Who names a place that does not exist yet is told what comes from now on.
            began = _began(told, now) if told else now
            joined = Connection(asked, viewer, began)
            if told:
                joined.backlog = await self.ask(self._missed, place, viewer.person_id, now, began)
        except BaseException:
            self._release(viewer.person_id)
            raise
        finally:
            self.opening -= 1
        self._watch(joined, now)
        return joined

    def _require_room(self, person_id: UUID) -> None:
        if self.stopping or len(self.connections) + self.opening >= settings.LIVE_MOST:
            raise Full(wait=WAIT)
        if self.of_person[person_id] >= settings.LIVE_PER_PERSON:
            raise TooManyOpen(wait=WAIT)

    @staticmethod
    def _missed(place: Place, person_id: UUID, now: Position, began: Position) -> list[Event]:
        found = feed.read_place(place, now.admin, now.access, after=began.admin, requests_after=began.access)
        return found + feed.read_account(person_id, after=began.account)

    def _watch(self, joined: Connection, now: Position) -> None:
        self.connections.add(joined)
        self._left.clear()
        place = self.places.setdefault(joined.place, Watched(now.admin, now.access))
        person = self.people.setdefault(joined.viewer.person_id, Watched(account=now.account))
        place.watchers += 1
        person.watchers += 1

    def leave(self, connection: Connection) -> None:
        self.connections.discard(connection)
        if not self.connections:
            self._left.set()
        for watched, key in ((self.places, connection.place), (self.people, connection.viewer.person_id)):
            found: Any = watched
            found[key].watchers -= 1
            if not found[key].watchers:
                del found[key]
        self._release(connection.viewer.person_id)

    def _release(self, person_id: UUID) -> None:
        self.of_person[person_id] -= 1
        if not self.of_person[person_id]:
            del self.of_person[person_id]

    def news_for(self, connection: Connection) -> list[Event]:
        """What they may see and have not been told: what they missed, then what came since they joined."""
        backlog, connection.backlog = connection.backlog, []
        events = [*backlog, *self.places[connection.place].recent]
        events += self.people[connection.viewer.person_id].recent
        told, found = connection.position, list[Event]()
        for event in events:
            found += (new := new_for(connection.viewer, [event], told))
            told = told.after(event) if new else told
        return found

    # ---- what is new

    async def run(self) -> None:
        """Ask again and again, until it is cancelled. A database that is away is asked later."""
        while True:
            await asyncio.sleep(POLL)
            try:
                await self.poll()
            except DatabaseError as error:
                log.warning("live updates wait for the database", extra={"error": type(error).__name__})
            except Exception:
                log.exception("live updates could not be looked for")

    async def poll(self) -> None:
        """Look once for everybody."""
        places, people = list(self.places), list(self.people)
        if not places:
            return
        lengths, newest = await self.ask(feed.lengths, places), await self.ask(feed.newest, people)
        changed: set[Any] = set()
        for place, (admin, access) in lengths.items():
            watched = self.places.get(place)
            if watched is None or (admin, access) == (watched.admin, watched.access):
                continue
            after, requests_after = watched.admin, watched.access
            events = await self.ask(
                lambda p=place, a=admin, b=access, c=after, d=requests_after: feed.read_place(
                    p, a, b, after=c, requests_after=d
                )
            )
            watched.admin, watched.access = admin, access
            watched.recent.extend(events)
            changed.add(place)
        for person_id, last in newest.items():
            mine = self.people.get(person_id)
            if mine is not None and last > mine.account:
                before = mine.account
                mine.recent.extend(await self.ask(lambda p=person_id, b=before: feed.read_account(p, after=b)))
                mine.account = last
                changed.add(person_id)
        if changed:
            for connection in self.connections:
                if connection.place in changed or connection.viewer.person_id in changed:
                    connection.bell.set()

    # ---- beginning and ending

    def start(self) -> None:
        self._poller = asyncio.get_running_loop().create_task(self.run())

    async def stop(self, seconds: float = 3.0) -> None:
        """Have every stream say that it ends, and wait until they have, or until the time is over."""
        self.stopping = True
        for connection in self.connections:
            connection.bell.set()
        if self.connections:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._left.wait(), seconds)
        if self._poller is not None:
            self._poller.cancel()
        self._threads.shutdown(wait=False, cancel_futures=True)


def _answered(question: _Question, asked: Asked) -> Viewer:
    question.begun = True
    return look_up(asked)


def _began(told: Position, now: Position) -> Position:
    """Where one goes on who was told so much; what they do not say, they know."""
    access = min(told.access, now.access) if told.access >= 0 else now.access
    account = min(told.account, now.account) if told.account.int else now.account
    return Position(min(told.admin, now.admin), access, account)


class TooManyOpen(TooMany):
    """You have as many live pages open as one person may have. Close one, or reload this page now and then."""


class Full(Unavailable):
    """As many live pages are open as this HQ serves. The page is complete; reload it to see what is new."""

    def __init__(self, message: str = "", *, wait: float) -> None:
        super().__init__(message)
        self.wait = wait
