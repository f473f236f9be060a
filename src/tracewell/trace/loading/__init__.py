"""Bulk loading: lists and registers of companies in, matched to the companies that are there."""
