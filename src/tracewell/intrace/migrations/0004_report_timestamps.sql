-- Time stamps of reports. A row stands for every report that is to have one; it goes with the report.
-- up
-- `response`: the authority's answer (DER), none as yet where it is null; `failure`: why the last try
-- brought none; `next_at`: when to ask again, milliseconds since the epoch.
CREATE TABLE report_timestamps (
  request_id TEXT PRIMARY KEY REFERENCES reports (request_id) ON DELETE CASCADE,
  response {bytes},
  failure TEXT,
  tries INTEGER NOT NULL,
  next_at BIGINT NOT NULL,
  CHECK (response IS NULL OR failure IS NULL)
);

CREATE INDEX report_timestamps_due ON report_timestamps (next_at) WHERE response IS NULL;

-- down
DROP TABLE report_timestamps;
