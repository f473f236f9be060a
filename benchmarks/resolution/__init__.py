"""How right, how sure and how fast `tracewell.resolution` is, on public labelled data."""
