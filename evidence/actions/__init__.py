"""Verbs on what the trail can be proved by; each file has its own."""
