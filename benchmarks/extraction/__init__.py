"""What extraction finds on labelled pages, and what it costs on real ones."""
