"""Lists of companies that belong to an org."""
