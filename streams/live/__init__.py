"""Live updates for pages, over server-sent events: a small ASGI application of its own (docs/streams.md)."""
