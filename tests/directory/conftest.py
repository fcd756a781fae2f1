from tests.idp.fixtures import honest_provider, other_provider, provider, workos

__all__ = ["honest_provider", "other_provider", "provider", "workos"]
