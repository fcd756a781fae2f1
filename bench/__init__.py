"""Measures HQ against a limit or a peer in the same run. `bin/bench` runs it."""
