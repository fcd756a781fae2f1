"""Pages that show what several rooms know."""
