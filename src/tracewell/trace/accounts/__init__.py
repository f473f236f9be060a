"""Sign-in, verified addresses and first passwords, outside of /v1."""
