-- Who gets leads: pools of reps with weights, the hours they work, how many open leads they take, and when they are away.
-- Rows are versions: nothing is updated, and what held at an instant stays known.

CREATE TABLE salesops.routing_member (
  source_key text NOT NULL,
  pool       text NOT NULL CHECK (pool <> ''),
  rep_id     text NOT NULL,
  valid_from timestamptz NOT NULL,
  set_at     timestamptz NOT NULL DEFAULT salesops.clock(),
  weight     numeric NOT NULL CHECK (weight BETWEEN 0 AND 1000000),
  set_by     text NOT NULL DEFAULT CURRENT_USER,
  PRIMARY KEY (source_key, pool, rep_id, valid_from, set_at)
);
COMMENT ON TABLE salesops.routing_member IS 'Who is in a pool, with which weight; of the rows of a rep the one with the latest valid_from holds, then the one set last';
COMMENT ON COLUMN salesops.routing_member.source_key IS 'Source of the leads and of the rep';
COMMENT ON COLUMN salesops.routing_member.pool IS 'Pool';
COMMENT ON COLUMN salesops.routing_member.rep_id IS 'Rep';
COMMENT ON COLUMN salesops.routing_member.valid_from IS 'From when';
COMMENT ON COLUMN salesops.routing_member.set_at IS 'When it was set';
COMMENT ON COLUMN salesops.routing_member.weight IS 'His share of the leads is his weight over the weights of those who are free; 0 = he is not in the pool';
COMMENT ON COLUMN salesops.routing_member.set_by IS 'Role that set it';
SELECT pg_catalog.pg_extension_config_dump('salesops.routing_member', '');
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON salesops.routing_member
  FOR EACH STATEMENT EXECUTE FUNCTION salesops.refuse_change('Call salesops.set_routing_member() again; weight 0 takes the rep out.');
COMMENT ON TRIGGER append_only ON salesops.routing_member IS 'Who shared leads on a day must stay known';

CREATE TABLE salesops.routing_hours (
  source_key text NOT NULL,
  rep_id     text NOT NULL,
  valid_from timestamptz NOT NULL,
  set_at     timestamptz NOT NULL DEFAULT salesops.clock(),
  capacity   integer CHECK (capacity >= 0),
  time_zone  text,
  weekdays   integer[] NOT NULL CHECK (weekdays <@ '{1,2,3,4,5,6,7}'),
  work_from  time NOT NULL,
  work_to    time NOT NULL,
  set_by     text NOT NULL DEFAULT CURRENT_USER,
  PRIMARY KEY (source_key, rep_id, valid_from, set_at)
);
COMMENT ON TABLE salesops.routing_hours IS 'When a rep works and how many open leads he takes; a rep without a row works Monday to Friday, 9 to 17 in the zone of the setting, and takes any number';
COMMENT ON COLUMN salesops.routing_hours.source_key IS 'Source of the rep';
COMMENT ON COLUMN salesops.routing_hours.rep_id IS 'Rep';
COMMENT ON COLUMN salesops.routing_hours.valid_from IS 'From when';
COMMENT ON COLUMN salesops.routing_hours.set_at IS 'When it was set';
COMMENT ON COLUMN salesops.routing_hours.capacity IS 'Most open leads that routing lets him have; NULL = any number';
COMMENT ON COLUMN salesops.routing_hours.time_zone IS 'Zone of the hours; NULL = that of the setting';
COMMENT ON COLUMN salesops.routing_hours.weekdays IS 'Days on which work begins, 1 (Monday) to 7 (Sunday); none = never';
COMMENT ON COLUMN salesops.routing_hours.work_from IS 'When work begins';
COMMENT ON COLUMN salesops.routing_hours.work_to IS 'When it ends; at or before work_from: on the next day';
COMMENT ON COLUMN salesops.routing_hours.set_by IS 'Role that set it';
SELECT pg_catalog.pg_extension_config_dump('salesops.routing_hours', '');
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON salesops.routing_hours
  FOR EACH STATEMENT EXECUTE FUNCTION salesops.refuse_change('Call salesops.set_routing_hours() again; the later row holds.');
COMMENT ON TRIGGER append_only ON salesops.routing_hours IS 'By which hours a lead was due must stay known';

CREATE TABLE salesops.routing_absence (
  source_key   text NOT NULL,
  rep_id       text NOT NULL,
  absent_from  timestamptz NOT NULL,
  set_at       timestamptz NOT NULL DEFAULT salesops.clock(),
  absent_until timestamptz NOT NULL,
  set_by       text NOT NULL DEFAULT CURRENT_USER,
  PRIMARY KEY (source_key, rep_id, absent_from, set_at),
  CHECK (absent_until >= absent_from)
);
COMMENT ON TABLE salesops.routing_absence IS 'When reps are away; of the rows that begin alike the one set last holds';
COMMENT ON COLUMN salesops.routing_absence.source_key IS 'Source of the rep';
COMMENT ON COLUMN salesops.routing_absence.rep_id IS 'Rep';
COMMENT ON COLUMN salesops.routing_absence.absent_from IS 'From when he is away';
COMMENT ON COLUMN salesops.routing_absence.set_at IS 'When it was set';
COMMENT ON COLUMN salesops.routing_absence.absent_until IS 'When he is back; absent_from itself = he is not away after all';
COMMENT ON COLUMN salesops.routing_absence.set_by IS 'Role that set it';
SELECT pg_catalog.pg_extension_config_dump('salesops.routing_absence', '');
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON salesops.routing_absence
  FOR EACH STATEMENT EXECUTE FUNCTION salesops.refuse_change('Call salesops.set_routing_absence() again with the same beginning; the later row holds.');
COMMENT ON TRIGGER append_only ON salesops.routing_absence IS 'Why a rep was passed over must stay known';

-- Whose rep is not there would be passed over for ever, and nobody would hear of the slip.
CREATE FUNCTION salesops.check_rep(source_key text, rep_id text)
RETURNS void LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM salesops.rep r WHERE r.source_key = check_rep.source_key AND r.id = check_rep.rep_id AND NOT r.is_deleted) THEN
    RAISE EXCEPTION 'source % has no rep %', coalesce(quote_literal(source_key), 'NULL'), coalesce(quote_literal(rep_id), 'NULL') USING
      ERRCODE = 'undefined_object', HINT = 'SELECT source_key, id, name FROM salesops.rep lists them.';
  END IF;
END $$;
COMMENT ON FUNCTION salesops.check_rep(text, text) IS 'Raises 42704 where a source has no such rep';

-- What the tables would refuse is refused here first, in words.
CREATE FUNCTION salesops.check_routing_value(is_right boolean, wrong text, hint text)
RETURNS void LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT is_right THEN
    RAISE EXCEPTION '%', wrong USING ERRCODE = 'check_violation', HINT = check_routing_value.hint;
  END IF;
END $$;
COMMENT ON FUNCTION salesops.check_routing_value(boolean, text, text) IS 'Raises 23514 in the words given, with a hint, where what was given is not right; NULL = nothing to check';

CREATE FUNCTION salesops.set_routing_member(source_key text, pool text, rep_id text, weight numeric DEFAULT 1, valid_from timestamptz DEFAULT salesops.clock())
RETURNS void LANGUAGE sql
BEGIN ATOMIC
  SELECT salesops.check_rep(set_routing_member.source_key, set_routing_member.rep_id), salesops.check_given('pool', set_routing_member.pool),
         salesops.check_given('weight', set_routing_member.weight::text), salesops.check_given('valid_from', set_routing_member.valid_from::text),
         salesops.check_routing_value(set_routing_member.pool <> '', 'a pool has a name', 'Rules name their pool by it.'),
         salesops.check_routing_value(set_routing_member.weight BETWEEN 0 AND 1000000,
           format('weight of rep %L in pool %L must be from 0 to 1000000, not %s', set_routing_member.rep_id, set_routing_member.pool, set_routing_member.weight), '0 takes the rep out of the pool.');
  INSERT INTO salesops.routing_member (source_key, pool, rep_id, valid_from, weight) VALUES (source_key, pool, rep_id, valid_from, weight);
END;
COMMENT ON FUNCTION salesops.set_routing_member(text, text, text, numeric, timestamptz) IS
  'Put a rep into a pool with a weight, from an instant on; 0 takes him out. 42704 for an unknown rep, 22004 for a NULL, 23514 for a weight below 0 or above a million';

CREATE FUNCTION salesops.set_routing_hours(source_key text, rep_id text, capacity integer DEFAULT NULL, time_zone text DEFAULT NULL,
                                           weekdays integer[] DEFAULT '{1,2,3,4,5}', work_from time DEFAULT '09:00', work_to time DEFAULT '17:00',
                                           valid_from timestamptz DEFAULT salesops.clock())
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
  PERFORM salesops.check_rep(source_key, rep_id), salesops.check_given('weekdays', weekdays::text), salesops.check_given('work_from', work_from::text),
          salesops.check_given('work_to', work_to::text), salesops.check_given('valid_from', valid_from::text);
  IF time_zone IS NOT NULL AND NOT EXISTS (SELECT FROM pg_timezone_names z WHERE z.name = time_zone) THEN
    RAISE EXCEPTION 'unknown time zone: %', quote_literal(time_zone) USING
      ERRCODE = 'invalid_parameter_value', HINT = 'Use a name of pg_timezone_names such as Europe/Berlin.';
  END IF;
  PERFORM salesops.check_routing_value(capacity >= 0, format('capacity of rep %L must be 0 or more, not %s', rep_id, capacity), 'It is of open leads: NULL any number, 0 none.'),
          salesops.check_routing_value(weekdays <@ '{1,2,3,4,5,6,7}', format('weekdays of rep %L must be of 1, Monday, to 7, Sunday, not %s', rep_id, weekdays), 'Write ''{1,2,3,4,5}''; ''{}'' is no day at all.');
  INSERT INTO salesops.routing_hours (source_key, rep_id, valid_from, capacity, time_zone, weekdays, work_from, work_to)
  VALUES (source_key, rep_id, valid_from, capacity, time_zone, weekdays, work_from, work_to);
END $$;
COMMENT ON FUNCTION salesops.set_routing_hours(text, text, integer, text, integer[], time, time, timestamptz) IS
  'Say when a rep works (zone, NULL = that of the setting; weekdays 1-7 on which work begins; from, to) and how many open leads he takes (NULL = any number), from an '
  'instant on. 42704 for an unknown rep, 22023 for an unknown zone, 22004 for a NULL, 23514 for other weekdays or a capacity below 0';

CREATE FUNCTION salesops.set_routing_absence(source_key text, rep_id text, absent_from timestamptz, absent_until timestamptz)
RETURNS void LANGUAGE sql
BEGIN ATOMIC
  SELECT salesops.check_rep(set_routing_absence.source_key, set_routing_absence.rep_id), salesops.check_given('absent_from', set_routing_absence.absent_from::text),
         salesops.check_given('absent_until', set_routing_absence.absent_until::text),
         salesops.check_routing_value(set_routing_absence.absent_until >= set_routing_absence.absent_from,
           format('the absence of rep %L ends before it begins', set_routing_absence.rep_id), 'An end that is the beginning takes an absence back.');
  INSERT INTO salesops.routing_absence (source_key, rep_id, absent_from, absent_until) VALUES (source_key, rep_id, absent_from, absent_until);
END;
COMMENT ON FUNCTION salesops.set_routing_absence(text, text, timestamptz, timestamptz) IS
  'Say that a rep is away from an instant to another; again with the same beginning changes it, and both alike takes it back. 42704 for an unknown rep, 22004 for a NULL, '
  '23514 for an end before the beginning';

CREATE FUNCTION salesops.routing_members(as_of timestamptz, OUT source_key text, OUT pool text, OUT rep_id text, OUT weight numeric)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 100
BEGIN ATOMIC
  SELECT m.source_key, m.pool, m.rep_id, m.weight
  FROM (SELECT DISTINCT ON (x.source_key, x.pool, x.rep_id) x.* FROM salesops.routing_member x
        WHERE x.valid_from <= routing_members.as_of
        ORDER BY x.source_key, x.pool, x.rep_id, x.valid_from DESC, x.set_at DESC) m
  WHERE m.weight > 0;
END;
COMMENT ON FUNCTION salesops.routing_members(timestamptz) IS 'Who is in which pool at an instant, with which weight';

CREATE FUNCTION salesops.rep_hours(as_of timestamptz, source_key text, rep_id text,
  OUT capacity integer, OUT time_zone text, OUT weekdays integer[], OUT work_from time, OUT work_to time, OUT absent tstzmultirange)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
  SELECT h.capacity, coalesce(h.time_zone, salesops.time_zone()), coalesce(h.weekdays, '{1,2,3,4,5}'), coalesce(h.work_from, '09:00'), coalesce(h.work_to, '17:00'),
         coalesce((SELECT range_agg(tstzrange(a.absent_from, a.absent_until))
                   FROM (SELECT DISTINCT ON (x.absent_from) x.* FROM salesops.routing_absence x
                         WHERE x.source_key = rep_hours.source_key AND x.rep_id = rep_hours.rep_id
                         ORDER BY x.absent_from, x.set_at DESC) a), '{}')
  FROM (SELECT) one
  LEFT JOIN LATERAL (SELECT x.* FROM salesops.routing_hours x
                     WHERE x.source_key = rep_hours.source_key AND x.rep_id = rep_hours.rep_id AND x.valid_from <= rep_hours.as_of
                     ORDER BY x.valid_from DESC, x.set_at DESC LIMIT 1) h ON true;
END;
COMMENT ON FUNCTION salesops.rep_hours(timestamptz, text, text) IS
  'When a rep works, as said for an instant, how many open leads he takes (NULL = any number) and when he is away; one row, the defaults for a rep of whom nothing was said';
