-- Answers kept by Idempotency-Key, and how much of them each org has.
-- up
CREATE TABLE idempotency_answers (
  org_id BIGINT NOT NULL REFERENCES orgs (org_id),
  caller TEXT NOT NULL,
  digest {bytes} NOT NULL,
  fingerprint {bytes} NOT NULL,
  answer {bytes} NOT NULL,
  expires_at BIGINT NOT NULL,
  PRIMARY KEY (org_id, caller, digest)
);

CREATE INDEX idempotency_answers_by_end ON idempotency_answers (expires_at);

CREATE TABLE idempotency_usage (
  org_id BIGINT PRIMARY KEY REFERENCES orgs (org_id),
  bytes BIGINT NOT NULL
);

-- down
DROP TABLE idempotency_usage;

DROP TABLE idempotency_answers;
