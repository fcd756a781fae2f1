"""The storage keeps the rules that the library publishes for every storage."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import transaction
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
# would be a test with an organization of its own: they run in turn below, in one.
_FILTERS, _SORTS = "test_search_filters_as_the_filter_evaluator", "test_search_sorts_as_search_request_sort"
_APART = {name for name in dir(ScimStorageContract) if name.startswith("test_cursor")} | {_FILTERS, _SORTS}
Judged: Any = type("Judged", (ScimStorageContract,), dict.fromkeys(_APART))


@contextmanager
def undone(what: str) -> Iterator[None]:
    """What happens inside is as if it had not been; a failure names its case."""
    try:
        with transaction.atomic():
            yield
            transaction.set_rollback(True)
    except AssertionError as error:
        error.add_note(what)
        raise


@pytest.mark.django_db
class TestDirectoryStorage(Judged):  # type: ignore[misc]
    @pytest.fixture
    def provider(self) -> ScimProvider:
        return provider

    @pytest.fixture
    def storage(self, db: None) -> Iterator[DirectoryStorage]:
        place = make_place()
        verify(place, DOMAIN)
        with provider, tenant(place.id):
            yield Addressed(directory_actor(place), changing=True)

    def test_every_filter_keeps_what_the_evaluator_keeps(
        self, storage: Any, provider: Any, user_type: Any, user_model: Any
    ) -> None:
        check = getattr(ScimStorageContract, _FILTERS)
        for each in SEARCH_FILTERS:
            with undone(each):
                check(self, storage, provider, user_type, user_model, each)

    def test_every_sort_orders_as_the_library_orders(
        self, storage: Any, provider: Any, user_type: Any, user_model: Any
    ) -> None:
        check = getattr(ScimStorageContract, _SORTS)
        for each in SEARCH_SORTS:
            for order in ("ascending", "descending"):
                with undone(f"{each} {order}"):
                    check(self, storage, provider, user_type, user_model, each, order)
