-- The change at which many bitmaps were last written anew without a change of their companies: what processes
-- keep of the index in memory is of a state before or after.
-- up
ALTER TABLE company_changes ADD COLUMN rebuilt_number BIGINT NOT NULL DEFAULT 1;

-- down
ALTER TABLE company_changes DROP COLUMN rebuilt_number;
