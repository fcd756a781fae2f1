"""Documents: read, judged, drawn. No models, no network."""
