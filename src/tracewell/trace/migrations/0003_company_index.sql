-- What searches, lists and computations read instead of scanning: bitmaps of companies, the columns
-- that are sorted and compared, and the text that `q` looks in.
-- up
-- The companies that have a property, 65,536 ids a row: `bits` is a Roaring bitmap in the portable format.
CREATE TABLE company_bitmaps (
  facet TEXT NOT NULL,
-- only sqlite
  value TEXT NOT NULL,
-- end
-- only postgresql
  value TEXT COLLATE "C" NOT NULL,
-- end
  chunk INTEGER NOT NULL,
  bits {bytes} NOT NULL,
  PRIMARY KEY (facet, value, chunk)
);

-- Counts changes of companies. Writers take turns, so that numbers are committed in their order.
CREATE TABLE company_changes (
  only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
  change_number BIGINT NOT NULL
);

INSERT INTO company_changes (only_row, change_number) VALUES (1, 1);

-- The last change of the company: who keeps the columns in memory asks for those above the last seen.
ALTER TABLE companies ADD COLUMN change_number BIGINT NOT NULL DEFAULT 1;

-- only sqlite
CREATE INDEX companies_by_change ON companies (change_number, company_id, sort_name,
  first_observed_at, last_observed_at, last_crawled_at, technology_count, partnership_count,
  posting_count, founded_year);

DROP INDEX companies_by_text;

CREATE VIRTUAL TABLE company_texts USING fts5 (
  search_text, content = '', contentless_delete = 1, tokenize = 'trigram case_sensitive 1');

INSERT INTO company_texts (rowid, search_text) SELECT company_id, search_text FROM companies;
-- end

-- only postgresql
CREATE INDEX companies_by_change ON companies (change_number, company_id);

CREATE INDEX companies_by_slug_beginning ON companies (slug COLLATE "C");

CREATE INDEX company_domains_by_beginning ON company_domains (domain COLLATE "C");

CREATE EXTENSION IF NOT EXISTS pg_trgm;

CREATE INDEX companies_by_text ON companies USING gin (search_text gin_trgm_ops);
-- end

-- down
-- only sqlite
DROP TABLE company_texts;

CREATE INDEX companies_by_text ON companies (search_text, sort_name, company_id);
-- end

-- only postgresql
DROP INDEX companies_by_text;

DROP EXTENSION pg_trgm;

DROP INDEX company_domains_by_beginning;

DROP INDEX companies_by_slug_beginning;
-- end

DROP INDEX companies_by_change;

ALTER TABLE companies DROP COLUMN change_number;

DROP TABLE company_changes;

DROP TABLE company_bitmaps;
