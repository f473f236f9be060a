-- Which month's grant an account has had, and what may be booked only once.
-- up
-- Months are counted from year 0: 12 * year + month - 1, UTC.
ALTER TABLE credit_accounts ADD COLUMN grant_month INTEGER NOT NULL DEFAULT 0;

-- only sqlite
UPDATE credit_accounts SET grant_month = (
  SELECT 12 * CAST(strftime('%Y', o.created_at / 1000, 'unixepoch') AS INTEGER)
    + CAST(strftime('%m', o.created_at / 1000, 'unixepoch') AS INTEGER) - 1
  FROM orgs AS o WHERE o.org_id = credit_accounts.org_id);
-- end

-- only postgresql
UPDATE credit_accounts AS a SET grant_month =
  12 * EXTRACT(YEAR FROM to_timestamp(o.created_at / 1000) AT TIME ZONE 'UTC')
  + EXTRACT(MONTH FROM to_timestamp(o.created_at / 1000) AT TIME ZONE 'UTC') - 1
FROM orgs AS o WHERE o.org_id = a.org_id;
-- end

-- A charge is kept single by its windows; anything else by the id of what asked for it. It is the
-- last wall: whoever books holds the account's lock and has looked.
CREATE UNIQUE INDEX credit_ledger_once ON credit_ledger (org_id, kind, request_id)
WHERE kind <> 'charge';

-- down
DROP INDEX credit_ledger_once;

ALTER TABLE credit_accounts DROP COLUMN grant_month;
