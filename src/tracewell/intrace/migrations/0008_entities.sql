-- Entities over lookups: which identifiers (keyed hashes) they were met with, merges and splits.
-- up
CREATE TABLE entity_sightings (
  entity_id TEXT NOT NULL,
  request_id TEXT NOT NULL REFERENCES reports (request_id) ON DELETE CASCADE,
  owner TEXT NOT NULL,
  seen_at BIGINT NOT NULL,
  PRIMARY KEY (entity_id, request_id)
);

CREATE INDEX entity_sightings_by_request ON entity_sightings (request_id);

-- `key` is an HMAC under a secret of the deployment: no identifier can be read or guessed from it.
CREATE TABLE entity_keys (
  entity_id TEXT NOT NULL,
  request_id TEXT NOT NULL REFERENCES reports (request_id) ON DELETE CASCADE,
  kind TEXT NOT NULL,
  key TEXT NOT NULL,
  PRIMARY KEY (entity_id, request_id, kind, key)
);

CREATE INDEX entity_keys_by_key ON entity_keys (key);

CREATE INDEX entity_keys_by_request ON entity_keys (request_id);

-- merge: other_id was found to be entity_id. split: other_id was taken out of entity_id.
CREATE TABLE entity_events (
  event_id TEXT PRIMARY KEY,
  kind TEXT NOT NULL CHECK (kind IN ('merge', 'split')),
  entity_id TEXT NOT NULL,
  other_id TEXT NOT NULL,
  request_id TEXT NOT NULL,
  decided_by TEXT NOT NULL,
  decided_at BIGINT NOT NULL,
  evidence TEXT NOT NULL,
  undone_by TEXT,
  undone_at BIGINT,
  UNIQUE (kind, entity_id, other_id)
);

CREATE INDEX entity_events_by_other ON entity_events (other_id);

-- down
DROP TABLE entity_events;

DROP TABLE entity_keys;

DROP TABLE entity_sightings;
