"""Verbs on domains, connections, signing in by them, and directory sync."""
