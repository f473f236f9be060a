"""Jobs that crawl domains again and bring companies up to date."""
