-- The audit log as a Merkle tree (RFC 9162): a leaf for each record, completion and purge. Leaves
-- are numbered from 0 in one order; the hashes of all perfect subtrees are kept, so that proofs are
-- quick. What was logged before gets its nodes when a server starts (AuditTree.ensure_built).
-- up
-- only sqlite
DROP TRIGGER audit_records_grow;

DROP TRIGGER audit_records_keep;

DROP TRIGGER audit_completions_grow;

DROP TRIGGER audit_completions_keep;
-- end

-- only postgresql
DROP TRIGGER audit_records_grow ON audit_records;

DROP TRIGGER audit_records_keep ON audit_records;

DROP TRIGGER audit_completions_keep ON audit_completions;

DROP FUNCTION audit_refuse_gap();
-- end

ALTER TABLE audit_records ADD COLUMN leaf BIGINT;

ALTER TABLE audit_completions ADD COLUMN leaf BIGINT;

UPDATE audit_records SET leaf = seq - 1;

-- As the log tells them, in whole seconds: what a leaf hashes is what the row holds.
UPDATE audit_completions SET completed_at = completed_at - completed_at % 1000;

UPDATE audit_completions SET leaf = (SELECT COUNT(*) FROM audit_records) + (
  SELECT COUNT(*) FROM audit_completions AS before
  WHERE before.completed_at < audit_completions.completed_at
    OR before.completed_at = audit_completions.completed_at
      AND before.request_id < audit_completions.request_id);

CREATE UNIQUE INDEX audit_records_by_leaf ON audit_records (leaf);

CREATE UNIQUE INDEX audit_completions_by_leaf ON audit_completions (leaf);

-- The records up to `through_seq` have lost their content; their leaves stay.
CREATE TABLE audit_purges (
  leaf BIGINT PRIMARY KEY,
  purged_at BIGINT NOT NULL,
  through_seq BIGINT NOT NULL UNIQUE,
  record_count BIGINT NOT NULL
);

-- only sqlite
CREATE TABLE audit_nodes (
  level INTEGER NOT NULL,
  idx BIGINT NOT NULL,
  hash BLOB NOT NULL CHECK (length(hash) = 32),
  PRIMARY KEY (level, idx)
) WITHOUT ROWID;
-- end

-- only postgresql
CREATE TABLE audit_nodes (
  level INTEGER NOT NULL,
  idx BIGINT NOT NULL,
  hash BYTEA NOT NULL CHECK (length(hash) = 32),
  PRIMARY KEY (level, idx)
);
-- end

-- Signed tree heads (https://c2sp.org/tlog-checkpoint), at most one for each size.
CREATE TABLE audit_checkpoints (
  size BIGINT PRIMARY KEY,
  note TEXT NOT NULL,
  key_id TEXT NOT NULL,
  signed_at BIGINT NOT NULL
);

-- only sqlite
-- The inserting triggers also stop INSERT OR REPLACE, which fires no deleting trigger.
CREATE TRIGGER audit_records_grow BEFORE INSERT ON audit_records
WHEN NEW.seq <> (SELECT COALESCE(MAX(seq), 0) + 1 FROM audit_records)
  OR NEW.leaf IS NOT (SELECT COALESCE(MAX(idx), -1) + 1 FROM audit_nodes WHERE level = 0)
  OR EXISTS (SELECT 1 FROM audit_records WHERE request_id = NEW.request_id)
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

-- One change is allowed: a record that a logged purge covers loses its content.
CREATE TRIGGER audit_records_keep BEFORE UPDATE ON audit_records
WHEN NEW.seq IS NOT OLD.seq OR NEW.request_id IS NOT OLD.request_id
  OR NEW.logged_at IS NOT OLD.logged_at OR NEW.leaf IS NOT OLD.leaf
  OR NEW.leaf_hash IS NOT OLD.leaf_hash OR NEW.user_id IS NOT NULL OR NEW.record IS NOT x''
  OR NOT EXISTS (SELECT 1 FROM audit_purges WHERE through_seq >= OLD.seq)
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

CREATE TRIGGER audit_completions_grow BEFORE INSERT ON audit_completions
WHEN NEW.leaf IS NOT (SELECT COALESCE(MAX(idx), -1) + 1 FROM audit_nodes WHERE level = 0)
  OR EXISTS (SELECT 1 FROM audit_completions WHERE request_id = NEW.request_id)
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

CREATE TRIGGER audit_completions_keep BEFORE UPDATE ON audit_completions
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

-- 365 days, by the database's own clock: nothing younger can be purged, whoever asks.
CREATE TRIGGER audit_purges_grow BEFORE INSERT ON audit_purges
WHEN NEW.leaf IS NOT (SELECT COALESCE(MAX(idx), -1) + 1 FROM audit_nodes WHERE level = 0)
  OR NEW.through_seq <= (SELECT COALESCE(MAX(through_seq), 0) FROM audit_purges)
  OR NEW.through_seq > (SELECT COALESCE(MAX(seq), 0) FROM audit_records)
  OR EXISTS (
    SELECT 1 FROM audit_records WHERE seq <= NEW.through_seq
      AND logged_at > (CAST(strftime('%s', 'now') AS INTEGER) - 31536000) * 1000)
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

CREATE TRIGGER audit_purges_keep BEFORE UPDATE ON audit_purges
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

CREATE TRIGGER audit_purges_stay BEFORE DELETE ON audit_purges
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

CREATE TRIGGER audit_nodes_grow BEFORE INSERT ON audit_nodes
WHEN NEW.idx <> (SELECT COALESCE(MAX(idx), -1) + 1 FROM audit_nodes WHERE level = NEW.level)
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

CREATE TRIGGER audit_nodes_keep BEFORE UPDATE ON audit_nodes
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

CREATE TRIGGER audit_nodes_stay BEFORE DELETE ON audit_nodes
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

CREATE TRIGGER audit_checkpoints_grow BEFORE INSERT ON audit_checkpoints
WHEN NEW.size <= (SELECT COALESCE(MAX(size), -1) FROM audit_checkpoints)
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

CREATE TRIGGER audit_checkpoints_keep BEFORE UPDATE ON audit_checkpoints
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

CREATE TRIGGER audit_checkpoints_stay BEFORE DELETE ON audit_checkpoints
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
-- end

-- only postgresql
CREATE FUNCTION audit_refuse_leaf() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.leaf IS DISTINCT FROM
      (SELECT COALESCE(MAX(idx), -1) + 1 FROM audit_nodes WHERE level = 0) THEN
    RAISE EXCEPTION 'the audit log has no gaps';
  END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION audit_refuse_seq() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.seq <> (SELECT COALESCE(MAX(seq), 0) + 1 FROM audit_records) THEN
    RAISE EXCEPTION 'the audit log has no gaps';
  END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION audit_refuse_node() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.idx <> (SELECT COALESCE(MAX(idx), -1) + 1 FROM audit_nodes WHERE level = NEW.level) THEN
    RAISE EXCEPTION 'the audit log has no gaps';
  END IF;
  RETURN NEW;
END $$;

-- 365 days, by the database's own clock: nothing younger can be purged, whoever asks.
CREATE FUNCTION audit_refuse_purge() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.through_seq <= (SELECT COALESCE(MAX(through_seq), 0) FROM audit_purges)
      OR NEW.through_seq > (SELECT COALESCE(MAX(seq), 0) FROM audit_records)
      OR EXISTS (
        SELECT 1 FROM audit_records WHERE seq <= NEW.through_seq
          AND logged_at > (EXTRACT(EPOCH FROM now()) - 31536000) * 1000) THEN
    RAISE EXCEPTION 'the audit log keeps its records for a year';
  END IF;
  RETURN NEW;
END $$;

-- One change is allowed: a record that a logged purge covers loses its content.
CREATE FUNCTION audit_refuse_edit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.seq IS DISTINCT FROM OLD.seq OR NEW.request_id IS DISTINCT FROM OLD.request_id
      OR NEW.logged_at IS DISTINCT FROM OLD.logged_at OR NEW.leaf IS DISTINCT FROM OLD.leaf
      OR NEW.leaf_hash IS DISTINCT FROM OLD.leaf_hash OR NEW.user_id IS NOT NULL
      OR length(NEW.record) <> 0
      OR NOT EXISTS (SELECT 1 FROM audit_purges WHERE through_seq >= OLD.seq) THEN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
  END IF;
  RETURN NEW;
END $$;

-- What a role that may not UPDATE may call instead: takes the content of what a purge covers.
CREATE FUNCTION audit_forget() RETURNS void LANGUAGE sql SECURITY DEFINER AS $$
  UPDATE audit_records SET record = '', user_id = NULL
  WHERE seq <= (SELECT MAX(through_seq) FROM audit_purges) AND length(record) > 0
$$;

REVOKE ALL ON FUNCTION audit_forget() FROM PUBLIC;

-- A caller's temporary tables must not pass for those of the log.
DO $$
DECLARE name TEXT;
BEGIN
  FOREACH name IN ARRAY ARRAY['audit_refuse_leaf', 'audit_refuse_seq', 'audit_refuse_node',
      'audit_refuse_purge', 'audit_refuse_edit', 'audit_forget'] LOOP
    EXECUTE format('ALTER FUNCTION %I() SET search_path = %I, pg_temp', name, current_schema());
  END LOOP;
END $$;

CREATE TRIGGER audit_records_grow BEFORE INSERT ON audit_records
FOR EACH ROW EXECUTE FUNCTION audit_refuse_leaf();

CREATE TRIGGER audit_records_grow_seq BEFORE INSERT ON audit_records
FOR EACH ROW EXECUTE FUNCTION audit_refuse_seq();

CREATE TRIGGER audit_records_keep BEFORE UPDATE ON audit_records
FOR EACH ROW EXECUTE FUNCTION audit_refuse_edit();

CREATE TRIGGER audit_records_stay BEFORE DELETE OR TRUNCATE ON audit_records
FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change();

CREATE TRIGGER audit_completions_grow BEFORE INSERT ON audit_completions
FOR EACH ROW EXECUTE FUNCTION audit_refuse_leaf();

CREATE TRIGGER audit_completions_keep BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_completions
FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change();

CREATE TRIGGER audit_purges_grow BEFORE INSERT ON audit_purges
FOR EACH ROW EXECUTE FUNCTION audit_refuse_leaf();

CREATE TRIGGER audit_purges_grow_age BEFORE INSERT ON audit_purges
FOR EACH ROW EXECUTE FUNCTION audit_refuse_purge();

CREATE TRIGGER audit_purges_keep BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_purges
FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change();

CREATE TRIGGER audit_nodes_grow BEFORE INSERT ON audit_nodes
FOR EACH ROW EXECUTE FUNCTION audit_refuse_node();

CREATE TRIGGER audit_nodes_keep BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_nodes
FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change();

CREATE TRIGGER audit_checkpoints_keep BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_checkpoints
FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change();
-- end

-- down
DROP TABLE audit_checkpoints;

DROP TABLE audit_nodes;

-- only sqlite
DROP TRIGGER audit_records_grow;

DROP TRIGGER audit_records_keep;

DROP TRIGGER audit_completions_grow;

CREATE TRIGGER audit_records_grow BEFORE INSERT ON audit_records
WHEN NEW.seq <> (SELECT COALESCE(MAX(seq), 0) + 1 FROM audit_records)
  OR EXISTS (SELECT 1 FROM audit_records WHERE request_id = NEW.request_id)
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

CREATE TRIGGER audit_records_keep BEFORE UPDATE ON audit_records
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

CREATE TRIGGER audit_completions_grow BEFORE INSERT ON audit_completions
WHEN EXISTS (SELECT 1 FROM audit_completions WHERE request_id = NEW.request_id)
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
-- end

-- only postgresql
DROP TRIGGER audit_records_grow ON audit_records;

DROP TRIGGER audit_records_grow_seq ON audit_records;

DROP TRIGGER audit_records_keep ON audit_records;

DROP TRIGGER audit_records_stay ON audit_records;

DROP TRIGGER audit_completions_grow ON audit_completions;
-- end

DROP TABLE audit_purges;

DROP INDEX audit_records_by_leaf;

DROP INDEX audit_completions_by_leaf;

ALTER TABLE audit_records DROP COLUMN leaf;

ALTER TABLE audit_completions DROP COLUMN leaf;

-- only postgresql
DROP FUNCTION audit_forget();

DROP FUNCTION audit_refuse_edit();

DROP FUNCTION audit_refuse_leaf();

DROP FUNCTION audit_refuse_node();

DROP FUNCTION audit_refuse_purge();

DROP FUNCTION audit_refuse_seq();

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
-- end
