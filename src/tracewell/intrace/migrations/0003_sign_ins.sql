-- Sign-ins of people at an identity provider. Every `_at` column is milliseconds since the epoch.
-- up
CREATE TABLE sign_in_sessions (
  session_id TEXT PRIMARY KEY,
  provider TEXT NOT NULL CHECK (provider IN ('oidc', 'saml')),
  user_id TEXT NOT NULL,
  user_email TEXT NOT NULL,
  idp_session_id TEXT,
  idp_groups TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
);

CREATE INDEX sign_in_sessions_by_end ON sign_in_sessions (expires_at);

-- Assertions that have signed somebody in, by a hash, until they could not be used anyhow.
CREATE TABLE saml_assertions_used (
  assertion_hash TEXT PRIMARY KEY,
  expires_at BIGINT NOT NULL
);

CREATE INDEX saml_assertions_used_by_end ON saml_assertions_used (expires_at);

-- down
DROP TABLE saml_assertions_used;

DROP TABLE sign_in_sessions;
