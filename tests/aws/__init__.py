"""AWS for tests: emulators over HTTP, and a server that fails as told."""
