"""The network that the runner lends: HTTP and DNS, guarded, paced, tried again, bounded.

One `Network` per process; connectors get a view of it for one question (`lent.Http`, `lent.Dns`).
"""
