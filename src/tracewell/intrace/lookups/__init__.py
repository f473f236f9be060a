"""Lookups: identifiers in, every configured source asked, entities out, with proof and record."""
