"""Who calls: orgs, users, keys, sessions, roles."""
