-- Names of ours are looked up in this schema every night. Who owns it, or put something into it before us, would choose what
-- they mean.
DO $$
DECLARE
  keeper text := (SELECT pg_catalog.pg_get_userbyid(n.nspowner) FROM pg_catalog.pg_namespace n
                  JOIN pg_catalog.pg_roles r ON r.oid = n.nspowner
                  WHERE n.nspname = 'salesops' AND NOT r.rolsuper AND r.rolname <> current_user);
BEGIN
  IF keeper IS NOT NULL THEN
    RAISE EXCEPTION 'schema salesops belongs to "%"', keeper USING
      ERRCODE = 'insufficient_privilege',
      DETAIL = 'Its owner could put functions into it that would run with the rights of whoever calls ours.',
      HINT = 'Drop or rename the schema, or make yourself its owner after looking through it.';
  END IF;
  IF EXISTS (SELECT FROM pg_catalog.pg_proc p WHERE p.pronamespace = 'salesops'::pg_catalog.regnamespace)
     OR EXISTS (SELECT FROM pg_catalog.pg_type t WHERE t.typnamespace = 'salesops'::pg_catalog.regnamespace)
     OR EXISTS (SELECT FROM pg_catalog.pg_operator o WHERE o.oprnamespace = 'salesops'::pg_catalog.regnamespace) THEN
    RAISE EXCEPTION 'schema salesops is not empty' USING
      ERRCODE = 'object_not_in_prerequisite_state',
      DETAIL = 'Functions, relations, types or operators in it could take the place of those of the extension.',
      HINT = 'Move them to another schema first.';
  END IF;
END $$;
