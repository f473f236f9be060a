-- Orgs, users, keys. Every `_at` column is milliseconds since the epoch, UTC.
-- up
CREATE TABLE orgs (
  org_id {identity},
  name TEXT NOT NULL UNIQUE,
  plan TEXT NOT NULL,
  created_at BIGINT NOT NULL
);

CREATE TABLE users (
  user_id {identity},
  email TEXT NOT NULL UNIQUE,
  org_id BIGINT REFERENCES orgs (org_id),
  password_hash TEXT,
  verified_at BIGINT,
  created_at BIGINT NOT NULL
);

CREATE INDEX users_by_org ON users (org_id);

-- `key_hash` is a keyed hash: the key itself is nowhere at rest.
CREATE TABLE api_keys (
  key_id TEXT PRIMARY KEY,
  key_hash {bytes} NOT NULL UNIQUE,
  prefix TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('user', 'org', 'service')),
  user_id BIGINT REFERENCES users (user_id),
  org_id BIGINT REFERENCES orgs (org_id),
  service_name TEXT,
  roles TEXT NOT NULL,
  requests_per_minute INTEGER,
  created_at BIGINT NOT NULL,
  expires_at BIGINT,
  revoked_at BIGINT,
  successor_id TEXT REFERENCES api_keys (key_id)
);

CREATE INDEX api_keys_by_user ON api_keys (user_id);

CREATE INDEX api_keys_by_org ON api_keys (org_id);

-- Raised with every change that takes a right away; each process watches it.
CREATE TABLE identity_epoch (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  epoch BIGINT NOT NULL
);

INSERT INTO identity_epoch (one, epoch) VALUES (1, 1);

-- A print of each secret that values at rest depend on, so that a wrong secret is told at start.
CREATE TABLE secret_prints (
  name TEXT PRIMARY KEY,
  print TEXT NOT NULL
);

-- down
DROP TABLE secret_prints;

DROP TABLE identity_epoch;

DROP TABLE api_keys;

DROP TABLE users;

DROP TABLE orgs;
