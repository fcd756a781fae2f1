"""PostgreSQL and Valkey run as children of one command, and that command's supervisor. No Django in here."""
