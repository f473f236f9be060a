"""The Intrace product: identifiers in, entities with sources and a signed report out."""
