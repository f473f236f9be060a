-- What a technology implies, and what readers say is wrong with a company.
-- up
CREATE TABLE technology_implications (
  technology_id BIGINT NOT NULL REFERENCES technologies (technology_id),
  implied_id BIGINT NOT NULL REFERENCES technologies (technology_id),
  PRIMARY KEY (technology_id, implied_id)
);

CREATE TABLE flags (
  flag_id TEXT PRIMARY KEY,
  company_id BIGINT NOT NULL REFERENCES companies (company_id),
  org_id BIGINT NOT NULL REFERENCES orgs (org_id),
  key_id TEXT,
  description TEXT,
  status TEXT NOT NULL CHECK (status IN ('queued', 'resolved', 'rejected')),
  created_at BIGINT NOT NULL
);

CREATE INDEX flags_by_status ON flags (status, flag_id);

-- down
DROP TABLE flags;

DROP TABLE technology_implications;
