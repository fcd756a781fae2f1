"""Pages of those who share (portal) and of those who were sent a link (recipient)."""
