"""Portal pages of webhooks."""
