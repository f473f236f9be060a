-- In which kinds of partnership a company is, a bit for each: technology 1, channel 2, generic 4. A filter by kind
-- went through all partnerships before.
-- up
ALTER TABLE companies ADD COLUMN partnership_kinds INTEGER NOT NULL DEFAULT 0;

UPDATE companies SET partnership_kinds = (
  SELECT SUM(DISTINCT CASE p.partnership_type
    WHEN 'technology' THEN 1 WHEN 'channel' THEN 2 ELSE 4 END)
  FROM partnerships AS p WHERE p.company_id = companies.company_id)
WHERE partnership_count > 0;

-- only sqlite
DROP INDEX companies_by_change;

CREATE INDEX companies_by_change ON companies (change_number, company_id, sort_name,
  first_observed_at, last_observed_at, last_crawled_at, technology_count, partnership_count,
  posting_count, founded_year, partnership_kinds);
-- end

-- down
-- only sqlite
DROP INDEX companies_by_change;

CREATE INDEX companies_by_change ON companies (change_number, company_id, sort_name,
  first_observed_at, last_observed_at, last_crawled_at, technology_count, partnership_count,
  posting_count, founded_year);
-- end

ALTER TABLE companies DROP COLUMN partnership_kinds;
