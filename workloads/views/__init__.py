"""Pages of workload trusts."""
