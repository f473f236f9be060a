"""The audit log: who asked, when and how much, written before anything is answered.

Append-only for everyone. The values of identifiers are never in it.
"""
