-- Computed members that were replaced not long ago: whoever pages through them reads them to their end.
-- up
ALTER TABLE list_materializations ADD COLUMN number BIGINT NOT NULL DEFAULT 1;

CREATE TABLE list_past_members (
  list_id TEXT NOT NULL REFERENCES lists (list_id),
  number BIGINT NOT NULL,
  revision BIGINT NOT NULL,
  definition_version INTEGER NOT NULL,
  change_number BIGINT NOT NULL,
  materialized_at BIGINT NOT NULL,
  high {bytes} NOT NULL,
  medium {bytes} NOT NULL,
  exploratory {bytes} NOT NULL,
  added {bytes} NOT NULL,
  replaced_at BIGINT NOT NULL,
  PRIMARY KEY (list_id, number)
);

-- down
DROP TABLE list_past_members;

ALTER TABLE list_materializations DROP COLUMN number;
