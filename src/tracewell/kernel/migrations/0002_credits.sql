-- The credits ledger: what was granted and spent, and what is unlocked by it until when.
-- up
CREATE TABLE credit_accounts (
  org_id BIGINT PRIMARY KEY REFERENCES orgs (org_id),
  balance BIGINT NOT NULL CHECK (balance >= 0)
);

CREATE TABLE credit_ledger (
  entry_id TEXT PRIMARY KEY,
  org_id BIGINT NOT NULL REFERENCES credit_accounts (org_id),
  kind TEXT NOT NULL CHECK (kind IN ('grant', 'charge', 'refund', 'adjustment')),
  credits BIGINT NOT NULL,
  channel TEXT NOT NULL,
  key_id TEXT,
  endpoint TEXT NOT NULL,
  item_count INTEGER NOT NULL,
  request_id TEXT NOT NULL,
  reason TEXT,
  created_at BIGINT NOT NULL
);

CREATE INDEX credit_ledger_by_org ON credit_ledger (org_id, entry_id);

-- One row for each window paid. `window_no` counts an item's windows without a gap, so that two
-- charges for one window collide in the primary key: the last wall behind the account's lock.
CREATE TABLE credit_unlocks (
  org_id BIGINT NOT NULL,
  item_id BIGINT NOT NULL,
  window_no INTEGER NOT NULL,
  expires_at BIGINT NOT NULL,
  entry_id TEXT NOT NULL,
  PRIMARY KEY (org_id, item_id, window_no)
)
-- only sqlite
WITHOUT ROWID
-- end
;

-- only sqlite
CREATE TRIGGER credit_ledger_keeps BEFORE UPDATE ON credit_ledger
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;

CREATE TRIGGER credit_ledger_stays BEFORE DELETE ON credit_ledger
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;

CREATE TRIGGER credit_unlocks_keep BEFORE UPDATE ON credit_unlocks
BEGIN SELECT RAISE(ABORT, 'unlocks are append-only'); END;

CREATE TRIGGER credit_unlocks_stay BEFORE DELETE ON credit_unlocks
BEGIN SELECT RAISE(ABORT, 'unlocks are append-only'); END;
-- end

-- only postgresql
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$;

CREATE TRIGGER credit_ledger_keeps BEFORE UPDATE OR DELETE OR TRUNCATE ON credit_ledger
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TRIGGER credit_unlocks_keep BEFORE UPDATE OR DELETE OR TRUNCATE ON credit_unlocks
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
-- end

-- down
DROP TABLE credit_unlocks;

DROP TABLE credit_ledger;

DROP TABLE credit_accounts;

-- only postgresql
DROP FUNCTION refuse_change();
-- end
