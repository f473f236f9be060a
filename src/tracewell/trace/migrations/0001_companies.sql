-- Companies, what they run, and the pages that say so. Every `_at` column is milliseconds since the
-- epoch, UTC. Names are sorted by code point in both databases.
-- up
CREATE TABLE vendors (
  vendor_id {identity},
  slug TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL UNIQUE
);

CREATE TABLE categories (
  category_id {identity},
  slug TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL UNIQUE
);

CREATE TABLE technologies (
  technology_id {identity},
  slug TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL UNIQUE,
-- only sqlite
  sort_name TEXT NOT NULL,
-- end
-- only postgresql
  sort_name TEXT COLLATE "C" NOT NULL,
-- end
  description TEXT,
  website TEXT,
  vendor_id BIGINT REFERENCES vendors (vendor_id)
);

CREATE INDEX technologies_by_name ON technologies (sort_name, technology_id);

-- `place` keeps the order in which the fingerprint names its categories.
CREATE TABLE technology_categories (
  technology_id BIGINT NOT NULL REFERENCES technologies (technology_id),
  category_id BIGINT NOT NULL REFERENCES categories (category_id),
  place INTEGER NOT NULL,
  PRIMARY KEY (technology_id, category_id)
);

CREATE INDEX technology_categories_by_category ON technology_categories (category_id);

-- `profile` is the body that GET /v1/companies/{identifier} answers, byte for byte; whoever changes
-- a company renders it anew in the same transaction. `search_text` is what `q` looks in.
CREATE TABLE companies (
  company_id {identity},
  slug TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
-- only sqlite
  sort_name TEXT NOT NULL,
-- end
-- only postgresql
  sort_name TEXT COLLATE "C" NOT NULL,
-- end
  search_text TEXT NOT NULL,
  primary_domain TEXT NOT NULL,
  country TEXT,
  technology_count INTEGER NOT NULL,
  partnership_count INTEGER NOT NULL DEFAULT 0,
  posting_count INTEGER NOT NULL DEFAULT 0,
  first_observed_at BIGINT NOT NULL,
  last_observed_at BIGINT NOT NULL,
  last_crawled_at BIGINT NOT NULL,
  profile TEXT NOT NULL
);

CREATE INDEX companies_by_name ON companies (sort_name, company_id);

-- only sqlite
-- What `q` looks through, apart from the long profiles; PostgreSQL's b-tree takes no long text.
CREATE INDEX companies_by_text ON companies (search_text, sort_name, company_id);
-- end

CREATE INDEX companies_by_last_observed ON companies (last_observed_at, company_id);

CREATE INDEX companies_by_technology_count ON companies (technology_count, company_id);

CREATE INDEX companies_by_country ON companies (country);

-- Every domain that leads to a company; one of them is primary, the others are aliases.
CREATE TABLE company_domains (
  domain TEXT PRIMARY KEY,
  company_id BIGINT NOT NULL REFERENCES companies (company_id),
  is_primary INTEGER NOT NULL CHECK (is_primary IN (0, 1)),
  first_observed_at BIGINT NOT NULL,
  last_observed_at BIGINT NOT NULL
);

CREATE INDEX company_domains_by_company ON company_domains (company_id);

-- `version_observed_at` is when the version was told last: an older capture that is read later
-- does not bring an older version back.
CREATE TABLE technology_uses (
  company_id BIGINT NOT NULL REFERENCES companies (company_id),
  technology_id BIGINT NOT NULL REFERENCES technologies (technology_id),
  version TEXT,
  version_observed_at BIGINT,
  confidence INTEGER NOT NULL CHECK (confidence BETWEEN 0 AND 100),
  status TEXT NOT NULL CHECK (status IN ('active', 'dropped')),
  first_observed_at BIGINT NOT NULL,
  last_observed_at BIGINT NOT NULL,
  observation_count INTEGER NOT NULL CHECK (observation_count >= 1),
  PRIMARY KEY (company_id, technology_id)
);

CREATE INDEX technology_uses_by_technology ON technology_uses (technology_id, status, company_id);

-- The newest sight of each sign of a use, numbered by `place`. `capture` leads to the record in the archive; the bytes
-- `start_byte` to `end_byte` of its body are the excerpt, where the sign stands in the body.
CREATE TABLE technology_evidence (
  company_id BIGINT NOT NULL,
  technology_id BIGINT NOT NULL,
  place INTEGER NOT NULL,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  pattern TEXT NOT NULL,
  excerpt TEXT NOT NULL,
  url TEXT NOT NULL,
  capture TEXT NOT NULL,
  start_byte BIGINT,
  end_byte BIGINT,
  observed_at BIGINT NOT NULL,
  PRIMARY KEY (company_id, technology_id, place),
  FOREIGN KEY (company_id, technology_id) REFERENCES technology_uses (company_id, technology_id)
);

-- What pages say of the company itself: the best values told of each field, the best is shown.
CREATE TABLE firmographics (
  company_id BIGINT NOT NULL REFERENCES companies (company_id),
  place INTEGER NOT NULL,
  field TEXT NOT NULL,
  value TEXT NOT NULL,
  weight INTEGER NOT NULL,
  source_url TEXT NOT NULL,
  observed_at BIGINT NOT NULL,
  PRIMARY KEY (company_id, place)
);

-- What was taken in already: `capture_key` is a hash of address, time, status and body, so that the
-- same capture out of another archive is known too.
CREATE TABLE captures_ingested (
  capture_key TEXT PRIMARY KEY,
  company_id BIGINT NOT NULL REFERENCES companies (company_id),
  capture TEXT NOT NULL,
  url TEXT NOT NULL,
  captured_at BIGINT NOT NULL
);

CREATE INDEX captures_ingested_by_company ON captures_ingested (company_id, captured_at);

-- `org_access` is what the owner's colleagues may do with the list.
CREATE TABLE lists (
  list_id TEXT PRIMARY KEY,
  org_id BIGINT NOT NULL REFERENCES orgs (org_id),
  owner_id BIGINT NOT NULL REFERENCES users (user_id),
  org_access TEXT NOT NULL CHECK (org_access IN ('viewer', 'editor')),
  name TEXT NOT NULL,
  description TEXT,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);

CREATE INDEX lists_by_org ON lists (org_id, list_id);

-- down
DROP TABLE lists;

DROP TABLE captures_ingested;

DROP TABLE firmographics;

DROP TABLE technology_evidence;

DROP TABLE technology_uses;

DROP TABLE company_domains;

DROP TABLE companies;

DROP TABLE technology_categories;

DROP TABLE technologies;

DROP TABLE categories;

DROP TABLE vendors;
