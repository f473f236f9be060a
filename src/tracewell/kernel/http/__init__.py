"""The way of a request: the gate ahead of a product's routes, and what it lets through."""
