"""What a name that people type may hold."""

# No control characters: they would hide or forge something wherever the name is shown.
NO_CONTROL = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]*$"
