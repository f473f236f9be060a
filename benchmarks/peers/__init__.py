"""Other engines for the same fingerprints, each run in its own process from a cache folder."""
