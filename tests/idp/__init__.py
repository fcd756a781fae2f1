"""Identity providers for tests: they answer honestly, or with exactly one fault."""
