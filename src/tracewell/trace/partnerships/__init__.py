"""Who partners with whom, as companies' own pages say."""
