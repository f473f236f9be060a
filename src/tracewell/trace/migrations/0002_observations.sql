-- Days on which companies were visited and technologies seen, partnerships, postings. Days are
-- counted from the epoch, two bytes each, little-endian (trace/companies/days.py).
-- up
ALTER TABLE companies ADD COLUMN visit_days {bytes};

ALTER TABLE companies ADD COLUMN name_key TEXT NOT NULL DEFAULT '';

ALTER TABLE companies ADD COLUMN industry TEXT;

ALTER TABLE companies ADD COLUMN employee_range TEXT;

ALTER TABLE companies ADD COLUMN founded_year INTEGER;

UPDATE companies SET industry = (
  SELECT f.value FROM firmographics AS f
  WHERE f.company_id = companies.company_id AND f.field = 'industry'
  ORDER BY f.weight DESC, f.observed_at DESC, f.source_url DESC, f.value DESC LIMIT 1);

UPDATE companies SET employee_range = (
  SELECT f.value FROM firmographics AS f
  WHERE f.company_id = companies.company_id AND f.field = 'employee_range'
  ORDER BY f.weight DESC, f.observed_at DESC, f.source_url DESC, f.value DESC LIMIT 1);

UPDATE companies SET founded_year = (
  SELECT CAST(f.value AS INTEGER) FROM firmographics AS f
  WHERE f.company_id = companies.company_id AND f.field = 'founded_year'
  ORDER BY f.weight DESC, f.observed_at DESC, f.source_url DESC, f.value DESC LIMIT 1);

CREATE INDEX companies_by_name_key ON companies (name_key);

ALTER TABLE technology_uses ADD COLUMN seen_days {bytes};

-- When the visits that no longer showed it began; NULL while it is in use.
ALTER TABLE technology_uses ADD COLUMN dropped_at BIGINT;

-- Each partnership stands once at either company that is tracked, so that every reading is a range of one index.
-- `partner_key` is `company:<id>`, else `domain:<domain>`, else `name:<key>`. Of `is_listed` (the company's
-- pages name the partner) and `is_listed_by` (the partner's pages name the company) at least one holds.
CREATE TABLE partnerships (
  company_id BIGINT NOT NULL REFERENCES companies (company_id),
  partner_key TEXT NOT NULL,
  partnership_type TEXT NOT NULL CHECK (partnership_type IN ('technology', 'channel', 'generic')),
  partner_id BIGINT REFERENCES companies (company_id),
  partner_domain TEXT,
  partner_name TEXT NOT NULL,
  is_listed INTEGER NOT NULL CHECK (is_listed IN (0, 1)),
  is_listed_by INTEGER NOT NULL CHECK (is_listed_by IN (0, 1)),
  first_observed_at BIGINT NOT NULL,
  last_observed_at BIGINT NOT NULL,
  observation_count INTEGER NOT NULL CHECK (observation_count >= 1),
  PRIMARY KEY (company_id, partner_key, partnership_type),
  CHECK (is_listed + is_listed_by >= 1)
);

CREATE INDEX partnerships_by_last_observed ON partnerships (company_id, last_observed_at);

CREATE INDEX partnerships_by_partner ON partnerships (partner_key);

-- What the pages of `company_id` say of the partner: the newest sight on each page.
CREATE TABLE partnership_evidence (
  company_id BIGINT NOT NULL REFERENCES companies (company_id),
  partner_key TEXT NOT NULL,
  partnership_type TEXT NOT NULL,
  place INTEGER NOT NULL,
  source_url TEXT NOT NULL,
  source_kind TEXT NOT NULL,
  excerpt TEXT NOT NULL,
  capture TEXT NOT NULL,
  start_byte BIGINT,
  end_byte BIGINT,
  observed_at BIGINT NOT NULL,
  PRIMARY KEY (company_id, partner_key, partnership_type, place)
);

CREATE TABLE postings (
  posting_id {identity},
  company_id BIGINT NOT NULL REFERENCES companies (company_id),
  posting_key TEXT NOT NULL,
  title TEXT NOT NULL,
  location TEXT,
  is_remote INTEGER,
  employment_type TEXT,
  posted_at BIGINT,
  expires_at BIGINT,
  url TEXT NOT NULL,
  capture TEXT NOT NULL,
  first_observed_at BIGINT NOT NULL,
  last_observed_at BIGINT NOT NULL,
  observation_count INTEGER NOT NULL CHECK (observation_count >= 1),
  UNIQUE (company_id, posting_key)
);

CREATE INDEX postings_by_last_observed ON postings (company_id, last_observed_at);

CREATE TABLE posting_technologies (
  posting_id BIGINT NOT NULL REFERENCES postings (posting_id),
  technology_id BIGINT NOT NULL REFERENCES technologies (technology_id),
  PRIMARY KEY (posting_id, technology_id)
);

CREATE INDEX posting_technologies_by_technology ON posting_technologies (technology_id);

-- down
DROP TABLE posting_technologies;

DROP TABLE postings;

DROP TABLE partnership_evidence;

DROP TABLE partnerships;

ALTER TABLE technology_uses DROP COLUMN dropped_at;

ALTER TABLE technology_uses DROP COLUMN seen_days;

DROP INDEX companies_by_name_key;

ALTER TABLE companies DROP COLUMN founded_year;

ALTER TABLE companies DROP COLUMN employee_range;

ALTER TABLE companies DROP COLUMN industry;

ALTER TABLE companies DROP COLUMN name_key;

ALTER TABLE companies DROP COLUMN visit_days;
