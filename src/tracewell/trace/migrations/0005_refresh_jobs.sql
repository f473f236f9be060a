-- Jobs that refresh companies, and what came of each domain.
-- up
-- `org_id` is NULL for jobs of the deployment's own.
CREATE TABLE refresh_jobs (
  job_id TEXT PRIMARY KEY,
  org_id BIGINT REFERENCES orgs (org_id),
  created_at BIGINT NOT NULL
);

CREATE INDEX refresh_jobs_by_age ON refresh_jobs (created_at, job_id);

-- `run` counts how often somebody asked for it, `attempts` how often a worker began. `captures` is a JSON array of
-- capture ids: what the crawl of this run kept, once it is whole; the first crawl that says so counts.
CREATE TABLE refresh_domains (
  job_id TEXT NOT NULL REFERENCES refresh_jobs (job_id),
  place INTEGER NOT NULL,
  domain TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('queued', 'running', 'succeeded', 'failed')),
  error_code TEXT,
  error_message TEXT,
  run INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  captures TEXT,
  started_at BIGINT,
  finished_at BIGINT,
  PRIMARY KEY (job_id, place),
  CHECK ((status = 'failed') = (error_code IS NOT NULL))
);

CREATE INDEX refresh_domains_by_domain ON refresh_domains (domain, finished_at);

-- With which fingerprints all captures of the company were looked into last, by `tracewell redetect`.
ALTER TABLE companies ADD COLUMN detected_with TEXT;

-- down
ALTER TABLE companies DROP COLUMN detected_with;

DROP TABLE refresh_domains;

DROP TABLE refresh_jobs;
