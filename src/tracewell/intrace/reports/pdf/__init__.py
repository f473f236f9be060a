"""A report for people: typeset from the signed bytes, bounded, every script with its glyphs.

The signature inside the file is `kernel.signing.pades`; who may export what is `reports.service`.
"""
