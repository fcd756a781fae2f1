"""Bodies of /v1 for people, machines and access."""
