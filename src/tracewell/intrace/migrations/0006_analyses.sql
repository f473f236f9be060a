-- Analyses: answers made of stored results, which they do not outlive.
-- up
-- `body` is the answer. `request_id` is that of the audit record.
CREATE TABLE analyses (
  analysis_id TEXT PRIMARY KEY,
  request_id TEXT NOT NULL UNIQUE REFERENCES audit_records (request_id),
  owner TEXT NOT NULL,
  analysis_type TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('complete', 'failed')),
  body {bytes} NOT NULL,
  expires_at BIGINT NOT NULL
);

CREATE INDEX analyses_by_expiry ON analyses (expires_at);

-- Which results an analysis has read.
CREATE TABLE analysis_inputs (
  analysis_id TEXT NOT NULL REFERENCES analyses (analysis_id) ON DELETE CASCADE,
  request_id TEXT NOT NULL,
  PRIMARY KEY (analysis_id, request_id)
);

CREATE INDEX analysis_inputs_by_request ON analysis_inputs (request_id);

-- only sqlite
-- Whoever erases a result erases what was made of it.
CREATE TRIGGER reports_leave BEFORE DELETE ON reports
BEGIN
  DELETE FROM analyses WHERE analysis_id IN (
    SELECT analysis_id FROM analysis_inputs WHERE request_id = OLD.request_id);
END;
-- end

-- only postgresql
-- Whoever erases a result erases what was made of it.
CREATE FUNCTION analyses_forget() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM analyses WHERE analysis_id IN (
    SELECT analysis_id FROM analysis_inputs WHERE request_id = OLD.request_id);
  RETURN OLD;
END $$;

CREATE TRIGGER reports_leave BEFORE DELETE ON reports
FOR EACH ROW EXECUTE FUNCTION analyses_forget();
-- end

-- down
-- only sqlite
DROP TRIGGER reports_leave;
-- end

-- only postgresql
DROP TRIGGER reports_leave ON reports;

DROP FUNCTION analyses_forget();
-- end

DROP TABLE analysis_inputs;

DROP TABLE analyses;
