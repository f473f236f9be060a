-- The keys that results are sealed with: ids, no secrets. A server without one of them does not start.
-- up
CREATE TABLE result_keys (
  key_id TEXT PRIMARY KEY,
  first_used_at BIGINT NOT NULL
);

-- down
DROP TABLE result_keys;
