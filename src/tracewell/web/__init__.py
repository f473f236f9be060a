"""Other people's web: guarded fetching, robots.txt, captures and the archive that keeps them.

Parsing pages for meaning is not here (see `detection` and `extraction`); only the links needed to
choose the next page are read.
"""
