"""What people publish, on host names of its own: a small application without sessions, forms or accounts."""
