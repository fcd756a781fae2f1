"""Pages of the trail, and what anybody may ask of it; each file has its own."""
