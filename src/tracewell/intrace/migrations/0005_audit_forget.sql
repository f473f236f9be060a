-- A purge reads the records that it covers, not all that were ever purged.
-- up
-- only postgresql
CREATE OR REPLACE FUNCTION audit_forget() RETURNS void LANGUAGE sql SECURITY DEFINER AS $$
  UPDATE audit_records SET record = '', user_id = NULL
  WHERE seq <= (SELECT MAX(through_seq) FROM audit_purges)
    AND seq > COALESCE((SELECT MAX(through_seq) FROM audit_purges
      WHERE through_seq < (SELECT MAX(through_seq) FROM audit_purges)), 0)
    AND length(record) > 0
$$;

DO $$
BEGIN
  EXECUTE format('ALTER FUNCTION audit_forget() SET search_path = %I, pg_temp', current_schema());
END $$;
-- end

-- down
-- only postgresql
CREATE OR REPLACE FUNCTION audit_forget() RETURNS void LANGUAGE sql SECURITY DEFINER AS $$
  UPDATE audit_records SET record = '', user_id = NULL
  WHERE seq <= (SELECT MAX(through_seq) FROM audit_purges) AND length(record) > 0
$$;

DO $$
BEGIN
  EXECUTE format('ALTER FUNCTION audit_forget() SET search_path = %I, pg_temp', current_schema());
END $$;
-- end
