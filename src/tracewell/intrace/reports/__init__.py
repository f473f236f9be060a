"""Signed reports: the stored bytes of what a lookup found, and the proof that they are those."""
