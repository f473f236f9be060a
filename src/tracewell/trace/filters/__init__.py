"""One filter language under search, lists and computations: a tree over a registry of fields."""
