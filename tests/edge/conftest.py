"""What is published, for tests of the edge."""

from tests.artifacts.conftest import _edge_remembers_nothing, place

__all__ = ["_edge_remembers_nothing", "place"]
