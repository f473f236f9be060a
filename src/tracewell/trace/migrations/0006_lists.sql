-- What lists hold: definitions with their history, domains by hand, shares, an audit log, and members as last computed.
-- up
-- `definition_version` is the current one, 0 for none. `revision` counts every change of what the members depend on.
ALTER TABLE lists ADD COLUMN definition_version INTEGER NOT NULL DEFAULT 0;

ALTER TABLE lists ADD COLUMN revision BIGINT NOT NULL DEFAULT 0;

-- `root` is the tree as JSON, normalised.
CREATE TABLE list_definitions (
  list_id TEXT NOT NULL REFERENCES lists (list_id),
  version INTEGER NOT NULL,
  registry_version INTEGER NOT NULL,
  root TEXT NOT NULL,
  author_id BIGINT NOT NULL REFERENCES users (user_id),
  created_at BIGINT NOT NULL,
  restored_from INTEGER,
  PRIMARY KEY (list_id, version)
);

-- A domain stands on one side or the other. It need not be a company's yet.
CREATE TABLE list_domains (
  list_id TEXT NOT NULL REFERENCES lists (list_id),
-- only sqlite
  domain TEXT NOT NULL,
-- end
-- only postgresql
  domain TEXT COLLATE "C" NOT NULL,
-- end
  side TEXT NOT NULL CHECK (side IN ('added', 'excluded')),
  user_id BIGINT NOT NULL REFERENCES users (user_id),
  created_at BIGINT NOT NULL,
  PRIMARY KEY (list_id, domain)
);

CREATE TABLE list_shares (
  list_id TEXT NOT NULL REFERENCES lists (list_id),
  user_id BIGINT NOT NULL REFERENCES users (user_id),
  access_level TEXT NOT NULL CHECK (access_level IN ('viewer', 'editor')),
  granted_by BIGINT NOT NULL REFERENCES users (user_id),
  created_at BIGINT NOT NULL,
  PRIMARY KEY (list_id, user_id)
);

-- `number` counts from 1 in each list; `details` is a JSON object.
CREATE TABLE list_audit (
  list_id TEXT NOT NULL REFERENCES lists (list_id),
  number INTEGER NOT NULL,
  action TEXT NOT NULL,
  user_id BIGINT NOT NULL REFERENCES users (user_id),
  details TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (list_id, number)
);

-- Members by tier as Roaring bitmaps of company ids: right for the list's `revision` and for the companies as they
-- were at `change_number`. `added` are those among them that were added by hand.
CREATE TABLE list_materializations (
  list_id TEXT PRIMARY KEY REFERENCES lists (list_id),
  revision BIGINT NOT NULL,
  definition_version INTEGER NOT NULL,
  change_number BIGINT NOT NULL,
  materialized_at BIGINT NOT NULL,
  high {bytes} NOT NULL,
  medium {bytes} NOT NULL,
  exploratory {bytes} NOT NULL,
  added {bytes} NOT NULL
);

-- down
DROP TABLE list_materializations;

DROP TABLE list_audit;

DROP TABLE list_shares;

DROP TABLE list_domains;

DROP TABLE list_definitions;

ALTER TABLE lists DROP COLUMN revision;

ALTER TABLE lists DROP COLUMN definition_version;
