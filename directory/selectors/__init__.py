"""Reads of domains, connections and directory sync."""
