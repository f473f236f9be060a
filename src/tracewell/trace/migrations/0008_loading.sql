-- Rows of lists and registers that were loaded, whose they are, and how far each load has come.
-- up
-- `record_key` is unique in its source. `state`: `aside` while no company fits and no domain is known. `body` is what the row
-- says, as JSON; `digest` is of it, dates left out.
CREATE TABLE loaded_records (
  record_id {identity},
  source TEXT NOT NULL,
  record_key TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('matched', 'undecided', 'aside')),
  company_id BIGINT REFERENCES companies (company_id),
  observed_at BIGINT NOT NULL,
  digest {bytes} NOT NULL,
  body TEXT NOT NULL,
  UNIQUE (source, record_key),
  CHECK ((state = 'matched') = (company_id IS NOT NULL))
);

CREATE INDEX loaded_records_unmatched ON loaded_records (state, record_id) WHERE state <> 'matched';

-- By what records find companies: hashes of names and of registries' numbers. Kept by loads alone, which bring it up to the
-- change that `load_settlement` names before they use it.
CREATE TABLE company_keys (
  key_hash BIGINT NOT NULL,
  company_id BIGINT NOT NULL,
  PRIMARY KEY (key_hash, company_id)
-- only sqlite
) WITHOUT ROWID;
-- end
-- only postgresql
);
-- end

CREATE INDEX company_keys_by_company ON company_keys (company_id);

-- By what companies find the records that wait for one. Records that are matched have none.
CREATE TABLE loaded_record_keys (
  key_hash BIGINT NOT NULL,
  record_id BIGINT NOT NULL,
  PRIMARY KEY (key_hash, record_id)
-- only sqlite
) WITHOUT ROWID;
-- end
-- only postgresql
);
-- end

CREATE INDEX loaded_record_keys_by_record ON loaded_record_keys (record_id);

-- `load_id` is made of the source and of the files' contents. The bytes are how long the files of rejected and undecided rows
-- were; `counts` is a JSON object.
CREATE TABLE loads (
  load_id TEXT PRIMARY KEY,
  source TEXT NOT NULL,
  files TEXT NOT NULL,
  file_number INTEGER NOT NULL,
  rows_done BIGINT NOT NULL,
  counts TEXT NOT NULL,
  rejects_bytes BIGINT,
  undecided_bytes BIGINT,
  started_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  finished_at BIGINT
);

-- Up to which change of companies the keys are written and the waiting records have been looked at.
CREATE TABLE load_settlement (
  only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
  change_number BIGINT NOT NULL,
  company_id BIGINT NOT NULL
);

INSERT INTO load_settlement (only_row, change_number, company_id) VALUES (1, 0, 0);

-- down
DROP TABLE load_settlement;

DROP TABLE loads;

DROP TABLE loaded_record_keys;

DROP TABLE company_keys;

DROP TABLE loaded_records;
