"""The storage keeps the rules that the library publishes for every storage."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from scim2_models import ScimProvider
from scim2_server.testing import SEARCH_FILTERS, SEARCH_SORTS, ScimStorageContract

from directory.scim import DirectoryStorage, provider
from hq.db.context import tenant
from tests.directory.scim_support import directory_actor, verify
from tests.factories import make_place

DOMAIN = "contract.example"


class Addressed(DirectoryStorage):
    """The contract names people without addresses of ours, where HQ asks for one at a verified domain."""

    @staticmethod
    def address_of(resource: Any) -> str:
        return f"{resource.user_name.lower()}@{DOMAIN}"


# The library judges cursors only where a storage has them; this one pages by index. Of its many filters and sorts each
# would be a test with an organization of its own: they run in turn below, in one, over the same people.
_FILTERS, _SORTS = "test_search_filters_as_the_filter_evaluator", "test_search_sorts_as_search_request_sort"
_APART = {name for name in dir(ScimStorageContract) if name.startswith("test_cursor")} | {_FILTERS, _SORTS}
Judged: Any = type("Judged", (ScimStorageContract,), dict.fromkeys(_APART))


@contextmanager
def named(what: str) -> Iterator[None]:
    """A failure names its case."""
    try:
        yield
    except AssertionError as error:
        error.add_note(what)
        raise


@pytest.mark.django_db
class TestDirectoryStorage(Judged):  # type: ignore[misc]  # the published contract has no types
    @pytest.fixture
    def provider(self) -> ScimProvider:
        return provider

    @pytest.fixture
    def storage(self, db: None) -> Iterator[DirectoryStorage]:
        place = make_place()
        verify(place, DOMAIN)
        with provider, tenant(place.id):
            yield Addressed(directory_actor(place), changing=True)

    @pytest.fixture
    def full(self, storage: DirectoryStorage, user_type: Any, user_model: Any) -> DirectoryStorage:
        """With the library's people in it, whom its checks then do not make again each time: they only read."""
        for user in self.search_users():
            storage.create(user_type, user_model.model_validate(user))
        self.search_users: Any = list
        return storage

    def test_every_filter_keeps_what_the_evaluator_keeps(
        self, full: Any, provider: Any, user_type: Any, user_model: Any
    ) -> None:
        check = getattr(ScimStorageContract, _FILTERS)
        for each in SEARCH_FILTERS:
            with named(each):
                check(self, full, provider, user_type, user_model, each)

    def test_every_sort_orders_as_the_library_orders(
        self, full: Any, provider: Any, user_type: Any, user_model: Any
    ) -> None:
        check = getattr(ScimStorageContract, _SORTS)
        for each in SEARCH_SORTS:
            for order in ("ascending", "descending"):
                with named(f"{each} {order}"):
                    check(self, full, provider, user_type, user_model, each, order)
