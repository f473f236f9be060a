-- The audit log, the signed reports, and whose they are. Every `_at` column is milliseconds since
-- the epoch, UTC.
-- up
-- `record` is the record's canonical JSON, `leaf_hash` SHA-256(0x00 || record) (RFC 9162, 2.1.1).
-- `seq` has no gap: it is the place of the leaf in the tree. `logged_at` is in whole seconds, as told.
CREATE TABLE audit_records (
  seq BIGINT PRIMARY KEY CHECK (seq > 0),
  request_id TEXT NOT NULL UNIQUE,
  user_id TEXT,
  logged_at BIGINT NOT NULL,
  record {bytes} NOT NULL,
  leaf_hash {bytes} NOT NULL
);

CREATE INDEX audit_records_by_user ON audit_records (user_id, seq);

CREATE INDEX audit_records_by_time ON audit_records (logged_at, seq);

-- What became of a logged lookup. None: it is still running, or its process died.
CREATE TABLE audit_completions (
  request_id TEXT PRIMARY KEY REFERENCES audit_records (request_id),
  completed_at BIGINT NOT NULL,
  failure TEXT,
  report_hash TEXT,
  CHECK ((failure IS NULL) <> (report_hash IS NULL))
);

-- `payload` holds the signed bytes; the answer of a lookup is made of them and of nothing else.
CREATE TABLE reports (
  request_id TEXT PRIMARY KEY REFERENCES audit_records (request_id),
  owner TEXT NOT NULL,
  payload {bytes} NOT NULL,
  signature TEXT NOT NULL,
  key_id TEXT NOT NULL,
  report_hash TEXT NOT NULL,
  signed_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
);

CREATE INDEX reports_by_expiry ON reports (expires_at);

-- What a list of lookups tells: no identifier's value.
CREATE TABLE lookups (
-- only sqlite
  request_id TEXT PRIMARY KEY REFERENCES reports (request_id) ON DELETE CASCADE,
-- end
-- only postgresql
  request_id TEXT COLLATE "C" PRIMARY KEY REFERENCES reports (request_id) ON DELETE CASCADE,
-- end
  owner TEXT NOT NULL,
  depth TEXT NOT NULL CHECK (depth IN ('standard', 'deep')),
  identifier_count INTEGER NOT NULL,
  status TEXT NOT NULL,
  confidence DOUBLE PRECISION NOT NULL,
  entity_count INTEGER NOT NULL,
  queried_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
);

CREATE INDEX lookups_by_owner ON lookups (owner, request_id);

-- only sqlite
-- The inserting trigger also stops INSERT OR REPLACE, which fires no deleting trigger.
CREATE TRIGGER audit_records_grow BEFORE INSERT ON audit_records
WHEN NEW.seq <> (SELECT COALESCE(MAX(seq), 0) + 1 FROM audit_records)
  OR EXISTS (SELECT 1 FROM audit_records WHERE request_id = NEW.request_id)
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

CREATE TRIGGER audit_records_keep BEFORE UPDATE ON audit_records
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

CREATE TRIGGER audit_records_stay BEFORE DELETE ON audit_records
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

CREATE TRIGGER audit_completions_grow BEFORE INSERT ON audit_completions
WHEN EXISTS (SELECT 1 FROM audit_completions WHERE request_id = NEW.request_id)
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

CREATE TRIGGER audit_completions_keep BEFORE UPDATE ON audit_completions
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

CREATE TRIGGER audit_completions_stay BEFORE DELETE ON audit_completions
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
-- end

-- only postgresql
CREATE FUNCTION audit_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$;

CREATE FUNCTION audit_refuse_gap() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.seq <> (SELECT COALESCE(MAX(seq), 0) + 1 FROM audit_records) THEN
    RAISE EXCEPTION 'the audit log has no gaps';
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER audit_records_grow BEFORE INSERT ON audit_records
FOR EACH ROW EXECUTE FUNCTION audit_refuse_gap();

CREATE TRIGGER audit_records_keep BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_records
FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change();

CREATE TRIGGER audit_completions_keep BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_completions
FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change();
-- end

-- down
DROP TABLE lookups;

DROP TABLE reports;

DROP TABLE audit_completions;

DROP TABLE audit_records;

-- only postgresql
DROP FUNCTION audit_refuse_change();

DROP FUNCTION audit_refuse_gap();
-- end
