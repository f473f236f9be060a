-- The ledger's sums by day, kind, channel, endpoint and key; written with every entry.
-- up
-- `day`: days since the epoch, UTC. `key_id`: '' for none.
CREATE TABLE credit_usage (
  org_id BIGINT NOT NULL REFERENCES credit_accounts (org_id),
  day INTEGER NOT NULL,
  kind TEXT NOT NULL,
  channel TEXT NOT NULL,
  endpoint TEXT NOT NULL,
  key_id TEXT NOT NULL,
  entries BIGINT NOT NULL,
  credits BIGINT NOT NULL,
  items BIGINT NOT NULL,
  PRIMARY KEY (org_id, day, kind, channel, endpoint, key_id)
)
-- only sqlite
WITHOUT ROWID
-- end
;

INSERT INTO credit_usage (org_id, day, kind, channel, endpoint, key_id, entries, credits, items)
SELECT org_id, created_at / 86400000, kind, channel, endpoint, COALESCE(key_id, ''), COUNT(*),
  SUM(credits), SUM(item_count)
FROM credit_ledger
GROUP BY org_id, created_at / 86400000, kind, channel, endpoint, COALESCE(key_id, '');

-- Pages of the ledger are read by time.
DROP INDEX credit_ledger_by_org;

CREATE INDEX credit_ledger_by_time ON credit_ledger (org_id, created_at, entry_id);

-- down
DROP INDEX credit_ledger_by_time;

CREATE INDEX credit_ledger_by_org ON credit_ledger (org_id, entry_id);

DROP TABLE credit_usage;
