"""Portal pages of organizations, people and machines."""
