"""The platform operator's rooms."""
