"""Bitmaps of companies in the database: which companies have a property, in a few reads.

What the properties are is the business of those that write and read them.
"""
