-- When a flag was decided, and what the operator says to it.
-- up
ALTER TABLE flags ADD COLUMN decided_at BIGINT;

ALTER TABLE flags ADD COLUMN note TEXT;

CREATE INDEX flags_by_company ON flags (company_id, flag_id);

-- down
DROP INDEX flags_by_company;

ALTER TABLE flags DROP COLUMN note;

ALTER TABLE flags DROP COLUMN decided_at;
