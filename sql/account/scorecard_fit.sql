-- Scorecards whose points are learned: people say what is looked at and where the bounds are, won and lost accounts say what it is worth.
--
-- Each account is one row of win_cells, the rule that holds for it one level of each feature; the win model's partial pooling gives each rule an effect on the log
-- odds, so a rule that few accounts met stays near the average. Points are these effects on a scale on which the worst account has 0 and the best 100, rounded to
-- whole ones. What was learned before a day is held against what closed from that day on, beside another scorecard.

CREATE TABLE salesops.scorecard_fit (
  name            text NOT NULL,
  version         integer NOT NULL,
  known_at        timestamptz NOT NULL,
  trained_to      date NOT NULL,
  examples_sql    text NOT NULL,
  accounts        bigint NOT NULL,
  wins            bigint NOT NULL,
  intercept       float8 NOT NULL,
  points_per_unit float8 NOT NULL,
  compared_with   text NOT NULL,
  later_accounts  bigint NOT NULL,
  later_wins      bigint NOT NULL,
  auc             float8,
  auc_low         float8,
  auc_high        float8,
  lift            float8,
  other_auc       float8,
  other_auc_low   float8,
  other_auc_high  float8,
  other_lift      float8,
  difference      float8,
  difference_low  float8,
  difference_high float8,
  verdict         text NOT NULL,
  PRIMARY KEY (name, version),
  FOREIGN KEY (name, version) REFERENCES salesops.scorecard
);
COMMENT ON TABLE salesops.scorecard_fit IS 'Versions of scorecards whose points were learned, and how they ranked what closed later; written by fit_scorecard()';
COMMENT ON COLUMN salesops.scorecard_fit.name IS 'Scorecard';
COMMENT ON COLUMN salesops.scorecard_fit.version IS 'Its version';
COMMENT ON COLUMN salesops.scorecard_fit.known_at IS 'What was known at this instant was learned from and judged by';
COMMENT ON COLUMN salesops.scorecard_fit.trained_to IS 'Accounts whose first deal closed before this day were learned from, the others were held against it';
COMMENT ON COLUMN salesops.scorecard_fit.examples_sql IS 'Query that gave the accounts';
COMMENT ON COLUMN salesops.scorecard_fit.accounts IS 'Accounts it learned from';
COMMENT ON COLUMN salesops.scorecard_fit.wins IS 'Of them won';
COMMENT ON COLUMN salesops.scorecard_fit.intercept IS 'Log odds of an account all of whose effects are 0';
COMMENT ON COLUMN salesops.scorecard_fit.points_per_unit IS 'Points for one unit of log odds';
COMMENT ON COLUMN salesops.scorecard_fit.compared_with IS 'The other scorecard: name, or text';
COMMENT ON COLUMN salesops.scorecard_fit.later_accounts IS 'Later accounts that both scored';
COMMENT ON COLUMN salesops.scorecard_fit.later_wins IS 'Of them won';
COMMENT ON COLUMN salesops.scorecard_fit.auc IS 'Chance that a later account that was won scores higher than one that was lost, ties half; 0.5 = no better than chance; NULL = too few';
COMMENT ON COLUMN salesops.scorecard_fit.auc_low IS 'Lower bound of its 90 % interval';
COMMENT ON COLUMN salesops.scorecard_fit.auc_high IS 'Upper bound';
COMMENT ON COLUMN salesops.scorecard_fit.lift IS 'Share won in the best tenth of the later accounts over the share won in all';
COMMENT ON COLUMN salesops.scorecard_fit.other_auc IS 'The same of the other scorecard';
COMMENT ON COLUMN salesops.scorecard_fit.other_auc_low IS 'Lower bound of its 90 % interval';
COMMENT ON COLUMN salesops.scorecard_fit.other_auc_high IS 'Upper bound';
COMMENT ON COLUMN salesops.scorecard_fit.other_lift IS 'Lift of the other scorecard';
COMMENT ON COLUMN salesops.scorecard_fit.difference IS 'auc - other_auc';
COMMENT ON COLUMN salesops.scorecard_fit.difference_low IS 'Lower bound of its 90 % interval; above 0 = it ranks better';
COMMENT ON COLUMN salesops.scorecard_fit.difference_high IS 'Upper bound';
COMMENT ON COLUMN salesops.scorecard_fit.verdict IS 'Whether it ranks better, in words';
SELECT pg_catalog.pg_extension_config_dump('salesops.scorecard_fit', '');
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON salesops.scorecard_fit
  FOR EACH STATEMENT EXECUTE FUNCTION salesops.refuse_change('Call salesops.fit_scorecard() again: it keeps another version.');
COMMENT ON TRIGGER append_only ON salesops.scorecard_fit IS 'How good a version was when it was made must stay known';

CREATE TABLE salesops.scorecard_evidence (
  name           text NOT NULL,
  version        integer NOT NULL,
  "position"     integer NOT NULL,
  component      text NOT NULL,
  feature        text NOT NULL,
  rule           text NOT NULL,
  accounts       bigint NOT NULL,
  wins           bigint NOT NULL,
  effect         float8 NOT NULL,
  standard_error float8,
  points         numeric NOT NULL,
  points_error   float8,
  PRIMARY KEY (name, version, "position"),
  FOREIGN KEY (name, version) REFERENCES salesops.scorecard_fit
);
COMMENT ON TABLE salesops.scorecard_evidence IS 'What the points of a fitted scorecard rest on, one row a rule; written by fit_scorecard()';
COMMENT ON COLUMN salesops.scorecard_evidence.name IS 'Scorecard';
COMMENT ON COLUMN salesops.scorecard_evidence.version IS 'Its version';
COMMENT ON COLUMN salesops.scorecard_evidence."position" IS 'Place of the rule, as in scorecard_rules()';
COMMENT ON COLUMN salesops.scorecard_evidence.component IS 'Component';
COMMENT ON COLUMN salesops.scorecard_evidence.feature IS 'Feature';
COMMENT ON COLUMN salesops.scorecard_evidence.rule IS 'Rule as it is written; else = no rule held, missing = no value';
COMMENT ON COLUMN salesops.scorecard_evidence.accounts IS 'Accounts that it held for';
COMMENT ON COLUMN salesops.scorecard_evidence.wins IS 'Of them won';
COMMENT ON COLUMN salesops.scorecard_evidence.effect IS 'Effect on the log odds, pulled to 0 by as much as the data says; 0 for a rule that no account met';
COMMENT ON COLUMN salesops.scorecard_evidence.standard_error IS 'Of the effect; NULL = no account met the rule';
COMMENT ON COLUMN salesops.scorecard_evidence.points IS 'Points that came of it';
COMMENT ON COLUMN salesops.scorecard_evidence.points_error IS 'Standard error in points';
SELECT pg_catalog.pg_extension_config_dump('salesops.scorecard_evidence', '');
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON salesops.scorecard_evidence
  FOR EACH STATEMENT EXECUTE FUNCTION salesops.refuse_change('Call salesops.fit_scorecard() again: it keeps another version.');
COMMENT ON TRIGGER append_only ON salesops.scorecard_evidence IS 'What points rest on must stay known';

CREATE FUNCTION salesops.scorecard_name_text(name text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE WHEN name ~ '^[A-Za-z0-9_]+$' THEN name ELSE '"' || pg_catalog.replace(name, '"', '""') || '"' END;
COMMENT ON FUNCTION salesops.scorecard_name_text(text) IS 'A name as the text of a scorecard has it: in double quotes where it needs them; NULL for NULL';

CREATE TYPE salesops.scorecard_line AS ("position" integer, component text, feature text, kind text, rule text, points numeric, remark text);
COMMENT ON TYPE salesops.scorecard_line IS 'A row of scorecard_rules() with a remark';
COMMENT ON COLUMN salesops.scorecard_line."position" IS 'Place in the scorecard';
COMMENT ON COLUMN salesops.scorecard_line.component IS 'Component';
COMMENT ON COLUMN salesops.scorecard_line.feature IS 'Feature';
COMMENT ON COLUMN salesops.scorecard_line.kind IS 'As in scorecard_rules()';
COMMENT ON COLUMN salesops.scorecard_line.rule IS 'As in scorecard_rules()';
COMMENT ON COLUMN salesops.scorecard_line.points IS 'As in scorecard_rules()';
COMMENT ON COLUMN salesops.scorecard_line.remark IS 'Comment at the end of the line; NULL = none';

CREATE FUNCTION salesops.write_scorecard(name text, lines salesops.scorecard_line[]) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  WITH l AS (
    SELECT u.*, lag(u.component) OVER (ORDER BY u."position") AS component_before, salesops.scorecard_name_text(u.feature) AS name FROM unnest(write_scorecard.lines) u
  )
  SELECT 'scorecard ' || write_scorecard.name || E'\n' || coalesce(pg_catalog.string_agg(
    CASE WHEN l.component IS DISTINCT FROM l.component_before AND l.component IS NOT NULL
         THEN E'\ncomponent ' || salesops.scorecard_name_text(l.component) || CASE WHEN l.kind = 'cap' THEN ' up to ' || l.points ELSE '' END || E'\n' ELSE '' END
    || CASE WHEN l.kind = 'cap' THEN ''
            WHEN l.kind = 'tier' THEN l.rule || coalesce(' from ' || l.points, '') || E'\n'
            -- Without `from` it is the column of its name.
            WHEN l.kind = 'input' THEN '  feature ' || l.name || CASE l.rule WHEN 'from ' || l.name THEN '' WHEN 'from ' || l.name || ' as industry' THEN ' as industry' ELSE ' ' || l.rule END || E'\n'
            ELSE '    ' || l.rule || ': ' || coalesce(l.points::text, 'no score') || coalesce('  # ' || l.remark, '') || E'\n' END, '' ORDER BY l."position"), '')
  FROM l;
END;
COMMENT ON FUNCTION salesops.write_scorecard(text, salesops.scorecard_line[]) IS
  'The text of a scorecard from rows such as scorecard_rules() gives, each with a remark or none: the other way round';

CREATE FUNCTION salesops.scorecard_example_count(examples_sql text, OUT accounts bigint, OUT wins bigint, OUT first_day date, OUT last_day date, OUT split_day date)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  EXECUTE format('SELECT count(*), count(*) FILTER (WHERE e.won), min(e.closed_on), max(e.closed_on), percentile_disc(0.7) WITHIN GROUP (ORDER BY e.closed_on)
                  FROM (%s) e WHERE e.won IS NOT NULL AND e.closed_on IS NOT NULL', salesops.query_as_part(scorecard_example_count.examples_sql))
    INTO accounts, wins, first_day, last_day, split_day;
END $$;
COMMENT ON FUNCTION salesops.scorecard_example_count(text) IS
  'What a query of examples gives: accounts, how many were won, the days on which they closed, and the day before which 70 % of them did';

-- Kept with what was learned from it, to be run again anywhere: an instant as UTC, the year first.
CREATE FUNCTION salesops.scorecard_examples_query(known_at timestamptz)
RETURNS text LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO, YMD' AS $$
BEGIN
  RETURN format('SELECT * FROM salesops.scorecard_examples(%L)', known_at);
END $$;
COMMENT ON FUNCTION salesops.scorecard_examples_query(timestamptz) IS 'The query whose rows are scorecard_examples() of an instant, the same text in every session';

CREATE FUNCTION salesops.draft_scorecard(
  name text, inputs text[] DEFAULT '{employees,industry as industry,website_visits,content_downloads,intent_score}', known_at timestamptz DEFAULT now(),
  trained_to date DEFAULT NULL, examples_sql text DEFAULT NULL)
RETURNS text LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  source text := coalesce(salesops.query_as_part(examples_sql), salesops.scorecard_examples_query(known_at));
  label text[];
  reader text;
  rules text[];
  result text := format(E'scorecard %s\n', name);
BEGIN
  PERFORM salesops.check_given('name', name), salesops.check_given('inputs', inputs::text);
  trained_to := coalesce(trained_to, (SELECT c.split_day FROM salesops.scorecard_example_count(source) c));
  -- A scorecard that only reads the inputs, wherever they are.
  SELECT array_agg(i.label ORDER BY i.n), E'scorecard reader\ncomponent c\n' || string_agg(format(E'feature %s from %s\n"x": 0\n', i.n, i.label), '' ORDER BY i.n)
    INTO label, reader
  FROM (SELECT regexp_replace(u.input, ' +as +industry *$', '') AS label, u.n FROM unnest(inputs) WITH ORDINALITY u(input, n)) i;
  EXECUTE format($q$
    WITH input AS (
      SELECT i.n, i.input <> i.label AS is_industry FROM unnest($3, $4) WITH ORDINALITY i(input, label, n)
    ), value AS MATERIALIZED (
      SELECT i.n, i.is_industry, CASE WHEN i.is_industry THEN salesops.recognize_industry(x.value) ELSE x.value END AS value, salesops.read_number(x.value) AS number
      FROM (%s) e CROSS JOIN LATERAL salesops.explain_score(e, $1) x JOIN input i ON i.n = x.feature::bigint
      WHERE e.closed_on < $2 AND e.won IS NOT NULL AND salesops.is_stated(x.value)
    ), shape AS (
      SELECT v.n, NOT bool_or(v.is_industry) AND count(v.number) = count(*) AND count(DISTINCT v.number) > 1 AS is_number, max(v.number) AS largest,
             percentile_disc('{0.1666667,0.3333333,0.5,0.6666667,0.8333333}'::float8[]) WITHIN GROUP (ORDER BY v.number) AS sixths
      FROM value v GROUP BY v.n
    ), edge AS (
      -- In two digits, as a person would choose.
      SELECT DISTINCT s.n, round(q.edge, 1 - CASE WHEN q.edge = 0 THEN 0 ELSE floor(log(abs(q.edge)))::integer END) AS edge FROM shape s CROSS JOIN LATERAL unnest(s.sixths) q(edge)
    ), word AS (
      SELECT v.n, min(v.value COLLATE "C") AS word, count(*) AS accounts, row_number() OVER (PARTITION BY v.n ORDER BY count(*) DESC, min(v.value COLLATE "C")) AS place
      FROM value v WHERE v.value IS NOT NULL GROUP BY v.n, lower(btrim(v.value) COLLATE "C") HAVING count(*) >= 20
    )
    SELECT array_agg(CASE WHEN s.is_number
                          THEN (SELECT string_agg(format(E'    > %%s: 0\n', trim_scale(d.edge)), '' ORDER BY d.edge) FROM edge d WHERE d.n = i.n AND d.edge < s.largest AND abs(d.edge) < 1e18)
                          ELSE (SELECT string_agg(format(E'    "%%s": 0\n', replace(w.word, '"', '""')), '' ORDER BY w.place) FROM word w WHERE w.n = i.n AND w.place <= 30) END ORDER BY i.n)
    FROM input i LEFT JOIN shape s ON s.n = i.n $q$, source)
  INTO rules USING reader, trained_to, inputs, label;
  FOR n IN 1..cardinality(inputs) LOOP
    IF rules[n] IS NOT NULL THEN
      result := result || format(E'\ncomponent %1$s\n  feature %1$s from %2$s\n%3$s', salesops.scorecard_name_text(label[n]), inputs[n], rules[n]);
    END IF;
  END LOOP;
  IF result NOT LIKE '%component%' THEN
    RAISE EXCEPTION 'no input has values to make rules of' USING
      ERRCODE = 'object_not_in_prerequisite_state',
      DETAIL = format('%s accounts closed before %s.', (SELECT c.accounts FROM salesops.scorecard_example_count(source) c), coalesce(to_char(trained_to, 'YYYY-MM-DD'), 'any day')),
      HINT = 'SELECT * FROM salesops.scorecard_examples(now()) shows what there is; with take_as_given => true what was recorded afterwards counts too.';
  END IF;
  RETURN result;
END $$;
COMMENT ON FUNCTION salesops.draft_scorecard(text, text[], timestamptz, date, text) IS
  'The text of a scorecard with a component for each input, whose rules part the accounts that closed before trained_to: numbers at their sixths, texts by their words met 20 times or more. All points are 0: fit_scorecard() learns them, or a person writes them. '
  'Inputs are written as in a scorecard (custom.seats); those without values are left out. examples_sql as in fit_scorecard()';

CREATE FUNCTION salesops.fit_scorecard(
  name text, scorecard text DEFAULT 'default', known_at timestamptz DEFAULT now(), trained_to date DEFAULT NULL, compared_with text DEFAULT 'default',
  examples_sql text DEFAULT NULL, note text DEFAULT NULL, valid_from timestamptz DEFAULT transaction_timestamp())
RETURNS salesops.scorecard_fit LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  source text := coalesce(salesops.query_as_part(examples_sql), salesops.scorecard_examples_query(known_at));
  shape text;
  factors text[];
  cells salesops.win_cells;
  model salesops.win_model;
  learned record;
  counted record;
  fit salesops.scorecard_fit;
  lines salesops.scorecard_line[];
  evidence salesops.scorecard_evidence[];
  definition text;
  bounds numeric[];
BEGIN
  PERFORM salesops.check_given('name', name), salesops.check_given('scorecard', scorecard), salesops.check_given('known_at', known_at::text),
          salesops.check_given('compared_with', compared_with), salesops.check_given('valid_from', valid_from::text);
  shape := salesops.scorecard_definition(scorecard);
  SELECT array_agg('feature ' || row_number ORDER BY row_number) INTO factors
  FROM (SELECT row_number() OVER () FROM salesops.scorecard_rules(shape) r WHERE r.kind = 'input') f;
  IF EXISTS (SELECT FROM salesops.scorecard_rules(shape) r WHERE r.kind = 'linear') OR cardinality(factors) > 64 THEN
    RAISE EXCEPTION 'the points of this scorecard cannot be learned' USING
      ERRCODE = 'invalid_parameter_value', DETAIL = format('It has %s features.', cardinality(factors)),
      HINT = 'Use up to 64 features with thresholds, ranges or texts: the points of a line are not those of one rule.';
  END IF;
  SELECT * INTO counted FROM salesops.scorecard_example_count(source);
  trained_to := coalesce(trained_to, counted.split_day);

  EXECUTE format('SELECT salesops.win_cells($1, x.levels, salesops.fiscal_quarter(e.closed_on, $4), e.won)
                  FROM (%s) e
                  CROSS JOIN LATERAL (SELECT array_agg(s.rule ORDER BY s.n) AS levels, bool_and(s.points IS NOT NULL) AS has_score
                                      FROM salesops.explain_score(e, $2) WITH ORDINALITY s(component, feature, input, value, rule, words, points, is_missing, n)
                                      WHERE s.feature IS NOT NULL) x
                  WHERE e.closed_on < $3 AND e.won IS NOT NULL AND x.has_score', source)
    INTO cells USING factors, shape, trained_to, salesops.fiscal_year_start_month();
  model := salesops.fit_win_model(cells, factors);
  SELECT * INTO learned FROM salesops.win_model_summary(model);
  IF NOT learned.is_calibrated THEN
    RAISE EXCEPTION 'too little history to fit a scorecard: %', learned.reason USING
      ERRCODE = 'object_not_in_prerequisite_state',
      DETAIL = format('Before %s the first deal of %s accounts closed that were known before, of %s it was won; %s such accounts in all.',
                      coalesce(to_char(trained_to, 'YYYY-MM-DD'), 'any day'), learned.deals, learned.wins, counted.accounts),
      HINT = 'Wait, name a later trained_to, or take what was recorded afterwards: examples_sql => ''SELECT * FROM salesops.scorecard_examples(now(), take_as_given => true)''.';
  END IF;

  -- Points: effects on the scale on which the worst account has 0 and the best 100. A rule that no account met gives what the average account has.
  WITH rule AS (
    SELECT r.*, 'feature ' || count(*) FILTER (WHERE r.kind = 'input') OVER (ORDER BY r."position") AS term FROM salesops.scorecard_rules(shape) r
    WHERE r.kind NOT IN ('tier', 'cap')
  ), effect AS (
    SELECT r.*, coalesce(w.effect, 0) AS effect, w.standard_error, coalesce(w.deals, 0) AS accounts, coalesce(w.wins, 0) AS wins,
           min(w.effect) OVER t AS least, max(w.effect) OVER t AS most
    FROM rule r LEFT JOIN salesops.win_effects(model) w ON w.term = r.term AND w.level = r.rule
    WINDOW t AS (PARTITION BY r.term)
  ), scale AS (
    SELECT 100 / sum(e.most - e.least) AS unit FROM effect e WHERE e.kind = 'input' HAVING sum(e.most - e.least) > 0
  ), line AS (
    SELECT e.*, s.unit, round((least(greatest(e.effect, e.least), e.most) - e.least) * s.unit)::numeric AS learned FROM effect e CROSS JOIN scale s
  )
  SELECT array_agg(ROW(l."position", l.component, l.feature, l.kind, l.rule, CASE WHEN l.points IS NOT NULL THEN l.learned END,
                       CASE WHEN l.kind = 'input' THEN NULL WHEN l.accounts > 0 THEN format('%s of %s won', l.wins, l.accounts) ELSE 'no account' END)::salesops.scorecard_line
                   ORDER BY l."position"),
         array_agg(ROW(name, 0, l."position", l.component, l.feature, l.rule, l.accounts, l.wins, l.effect, l.standard_error, l.learned, l.standard_error * l.unit)::salesops.scorecard_evidence
                   ORDER BY l."position") FILTER (WHERE l.points IS NOT NULL),
         max(l.unit)
    INTO lines, evidence, fit.points_per_unit
  FROM line l;
  IF lines IS NULL THEN
    RAISE EXCEPTION 'what this scorecard looks at does not tell won from lost accounts' USING
      ERRCODE = 'object_not_in_prerequisite_state', DETAIL = format('%s accounts, %s of them won.', learned.deals, learned.wins),
      HINT = 'Let it look at something else: salesops.draft_scorecard() makes rules for any inputs.';
  END IF;

  -- The best fifth is tier 1, the next three tenths tier 2.
  definition := salesops.write_scorecard(name, lines);
  EXECUTE format('SELECT percentile_disc(ARRAY[0.8, 0.5]) WITHIN GROUP (ORDER BY salesops.scorecard_total(e, $1)) FROM (%s) e WHERE e.closed_on < $2 AND e.won IS NOT NULL', source)
    INTO bounds USING definition, trained_to;
  IF bounds[1] > bounds[2] THEN
    lines := ARRAY[ROW(-2, NULL, NULL, 'tier', 'tier 1', bounds[1], NULL), ROW(-1, NULL, NULL, 'tier', 'tier 2', bounds[2], NULL), ROW(0, NULL, NULL, 'tier', 'tier 3', NULL, NULL)]::salesops.scorecard_line[] || lines;
    definition := salesops.write_scorecard(name, lines);
  END IF;

  EXECUTE format('SELECT c.*
                  FROM (SELECT coalesce(array_agg(s.score::float8), ''{}'') AS scores, coalesce(array_agg(s.other::float8), ''{}'') AS others, coalesce(array_agg(s.won), ''{}'') AS won
                        FROM (SELECT salesops.scorecard_total(e, $1) AS score, salesops.scorecard_total(e, $2) AS other, e.won
                              FROM (%s) e WHERE e.closed_on >= $3 AND e.won IS NOT NULL) s
                        WHERE s.score IS NOT NULL AND s.other IS NOT NULL) a
                  CROSS JOIN LATERAL salesops.compare_rankings(a.scores, a.others, a.won) c', source)
    INTO fit.later_accounts, fit.later_wins, fit.auc, fit.auc_low, fit.auc_high, fit.lift, fit.other_auc, fit.other_auc_low, fit.other_auc_high, fit.other_lift,
         fit.difference, fit.difference_low, fit.difference_high
    USING definition, salesops.scorecard_definition(compared_with), trained_to;
  fit.verdict := CASE WHEN least(fit.later_wins, fit.later_accounts - fit.later_wins) < 10
                      THEN format('too few closed from %s on to tell: %s accounts, %s of them won', to_char(trained_to, 'YYYY-MM-DD'), fit.later_accounts, fit.later_wins)
                      WHEN fit.auc_low <= 0.5 THEN 'does not rank later accounts better than chance'
                      WHEN fit.difference_low > 0 THEN 'ranks later accounts better than the other scorecard'
                      WHEN fit.difference_high < 0 THEN 'ranks later accounts worse than the other scorecard'
                      ELSE 'the difference to the other scorecard is within what chance does' END;

  fit.name := name;
  fit.version := salesops.add_scorecard(definition, note, valid_from);
  fit.known_at := known_at;
  fit.trained_to := trained_to;
  fit.examples_sql := rtrim(source, E'\n');
  fit.accounts := learned.deals;
  fit.wins := learned.wins;
  fit.intercept := learned.intercept;
  fit.compared_with := compared_with;
  INSERT INTO salesops.scorecard_fit SELECT fit.*;
  INSERT INTO salesops.scorecard_evidence
  SELECT e.name, fit.version, e."position", e.component, e.feature, e.rule, e.accounts, e.wins, e.effect, e.standard_error, e.points, e.points_error FROM unnest(evidence) e;
  RETURN fit;
END $$;
COMMENT ON FUNCTION salesops.fit_scorecard(text, text, timestamptz, date, text, text, text, timestamptz) IS
  'Learn the points of a scorecard (its latest version, or a text) from accounts whose first deal closed before trained_to (NULL = the day before which 70 % did), keep them as the next version of `name` with their evidence, and hold it against what closed from that day on, beside another scorecard. '
  'examples_sql: SELECT won, closed_on and the columns that both scorecards read, names with their schema; NULL = scorecard_examples(known_at). Points are whole, from 0 to 100 in all; caps are not kept, tiers become the best fifth, the next three tenths and the rest. '
  '55000 where there is too little history or nothing to learn, 22023 for a scorecard with lines';
