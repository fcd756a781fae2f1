"""Pages of signing in, and of those who look after domains and connections."""
