-- Forecast calls: what reps and managers say will be booked, by fiscal quarter, column and week.
--
-- A call is a figure for a column of the forecast (Commit, Most Likely, Best Case, Pipeline; Closed is a fact and not called) and for
-- a node: a rep's is for his deals, a manager's for everybody below too. Nothing is changed: a correction is a new call.
-- Of the calls for one cut-off the last one in time counts; if none was in time, the last late one, marked as late.
--
-- With each call stays the figure that stood there before it, what the deals and the calls below added up to: what the
-- caller saw, and what the call is measured against afterwards (override_value_added()).

CREATE TABLE salesops.forecast_submission (
  source_key   text NOT NULL,
  rep_id       text NOT NULL,
  period       salesops.fiscal_period NOT NULL,
  category     salesops.forecast_category NOT NULL,
  submitted_at timestamptz NOT NULL,
  amount       numeric NOT NULL CHECK (amount <> 'NaN' AND abs(amount) <> 'Infinity'),
  currency     text NOT NULL,
  note         text,
  submitted_by text NOT NULL,
  cut_off      timestamptz NOT NULL,
  is_late      boolean NOT NULL GENERATED ALWAYS AS (submitted_at > cut_off) STORED,
  prior_amount numeric,
  recorded_at  timestamptz NOT NULL DEFAULT salesops.clock(),
  role_name    text NOT NULL DEFAULT CURRENT_USER,
  login_name   text NOT NULL DEFAULT SESSION_USER,
  PRIMARY KEY (period, category, source_key, rep_id, submitted_at)
);
COMMENT ON TABLE salesops.forecast_submission IS
  'Forecast calls, append-only; write with submit_forecast(), read what counts with forecast_calls()';
COMMENT ON COLUMN salesops.forecast_submission.source_key IS 'Source of the rep';
COMMENT ON COLUMN salesops.forecast_submission.rep_id IS 'Rep whose forecast it is: his deals and those of everybody below him';
COMMENT ON COLUMN salesops.forecast_submission.period IS 'Fiscal quarter';
COMMENT ON COLUMN salesops.forecast_submission.category IS 'Column called: Commit, Most Likely, Best Case (each with Closed and all above it) or Pipeline (all open)';
COMMENT ON COLUMN salesops.forecast_submission.submitted_at IS 'When the call was made';
COMMENT ON COLUMN salesops.forecast_submission.amount IS 'The call, in currency; negative where more is taken back than sold';
COMMENT ON COLUMN salesops.forecast_submission.currency IS 'ISO code of the amounts: the corporate currency when the call was made';
COMMENT ON COLUMN salesops.forecast_submission.note IS 'What the caller says about it';
COMMENT ON COLUMN salesops.forecast_submission.submitted_by IS 'Who called: the rep himself, or whoever did on his behalf';
COMMENT ON COLUMN salesops.forecast_submission.cut_off IS 'Cut-off that the call is for';
COMMENT ON COLUMN salesops.forecast_submission.is_late IS 'Made after the cut-off';
COMMENT ON COLUMN salesops.forecast_submission.prior_amount IS
  'What stood there before the call: own deals and the calls below, deals where nobody had called; NULL = unknown';
COMMENT ON COLUMN salesops.forecast_submission.recorded_at IS 'When it was recorded; later than submitted_at for what is brought from elsewhere';
COMMENT ON COLUMN salesops.forecast_submission.role_name IS 'Role that recorded it';
COMMENT ON COLUMN salesops.forecast_submission.login_name IS 'Role that had logged in';
SELECT pg_catalog.pg_extension_config_dump('salesops.forecast_submission', '');

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON salesops.forecast_submission
  FOR EACH STATEMENT EXECUTE FUNCTION salesops.refuse_change('Call salesops.submit_forecast() again: the last call in time counts.');
COMMENT ON TRIGGER append_only ON salesops.forecast_submission IS 'who called what when must stay known';

-- What counts

CREATE FUNCTION salesops.forecast_calls(period salesops.fiscal_period, as_of timestamptz, known_at timestamptz DEFAULT NULL,
                                        OUT source_key text, OUT rep_id text, OUT category salesops.forecast_category,
                                        OUT cut_off timestamptz, OUT forecast_week integer, OUT amount numeric, OUT note text,
                                        OUT submitted_by text, OUT submitted_at timestamptz, OUT is_late boolean, OUT calls bigint,
                                        OUT prior_amount numeric, OUT previous_amount numeric, OUT recorded_at timestamptz)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT salesops.check_quarter(forecast_calls.period);
  WITH ranked AS MATERIALIZED (
    SELECT s.*, row_number() OVER (PARTITION BY s.source_key, s.rep_id, s.category::smallint, s.cut_off
                                   ORDER BY s.is_late, s.submitted_at DESC) AS place,
           count(*) OVER (PARTITION BY s.source_key, s.rep_id, s.category::smallint, s.cut_off) AS calls
    FROM salesops.forecast_submission s
    WHERE s.period = forecast_calls.period AND s.submitted_at <= forecast_calls.as_of
      AND s.recorded_at <= coalesce(forecast_calls.known_at, forecast_calls.as_of)
      -- What was called in another currency is no longer comparable.
      AND s.currency = (SELECT salesops.get_setting('corporate_currency'))
  ), week AS MATERIALIZED (
    -- Once a cut-off and not once a call: it reads the settings.
    SELECT d.cut_off, salesops.forecast_week(forecast_calls.period, d.cut_off) AS number
    FROM (SELECT DISTINCT r.cut_off FROM ranked r) d
  )
  SELECT r.source_key, r.rep_id, r.category, r.cut_off, w.number, r.amount, r.note,
         r.submitted_by, r.submitted_at, r.is_late, r.calls, r.prior_amount,
         lag(r.amount) OVER (PARTITION BY r.source_key, r.rep_id, r.category::smallint ORDER BY r.cut_off), r.recorded_at
  FROM ranked r JOIN week w ON w.cut_off = r.cut_off
  WHERE r.place = 1;
END;
COMMENT ON FUNCTION salesops.forecast_calls(salesops.fiscal_period, timestamptz, timestamptz) IS
  'The calls of a fiscal quarter that count as of an instant, one row a rep, column and cut-off: the last one in time, else the '
  'last late one; calls = how many there were, previous_amount = the one that counted for the cut-off before. Arguments as of '
  'opportunity_as_of(); calls in another currency than the present corporate one are left out; 22023 unless the period is a quarter';

CREATE FUNCTION salesops.forecast_called(period salesops.fiscal_period, as_of timestamptz, known_at timestamptz DEFAULT NULL,
                                         tree_at timestamptz DEFAULT NULL, moves salesops.reporting_line[] DEFAULT NULL,
                                         OUT source_key text, OUT rep_id text, OUT manager_id text, OUT level integer, OUT path text[],
                                         OUT category salesops.forecast_category, OUT own_amount numeric, OUT amount numeric,
                                         OUT called_below numeric, OUT called numeric)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE SET jit = off SET enable_nestloop = off
BEGIN ATOMIC
  WITH node AS MATERIALIZED (
    SELECT n.*, c.amount AS call
    FROM salesops.forecast_nodes(forecast_called.period, forecast_called.as_of, forecast_called.known_at,
                                 forecast_called.tree_at, forecast_called.moves) n
    LEFT JOIN (SELECT k.* FROM salesops.forecast_calls(forecast_called.period, forecast_called.as_of, forecast_called.known_at) k
               JOIN salesops.submission_deadline(forecast_called.period, forecast_called.as_of) d ON d.cut_off = k.cut_off) c
      ON c.source_key = n.source_key AND c.rep_id = n.rep_id AND c.category = n.category
  ), rolled AS (
    SELECT r.* FROM salesops.override_roll_up(
      (SELECT array_agg(ROW(n.source_key, n.path, n.category, n.amount, n.call)::salesops.forecast_override)
       FROM node n WHERE n.path IS NOT NULL)) r
  )
  SELECT n.source_key, n.rep_id, n.manager_id, n.level, n.path, n.category, n.own_amount, n.amount,
         CASE WHEN n.path IS NULL THEN n.amount ELSE r.rolled_up END, coalesce(n.call, CASE WHEN n.path IS NULL THEN n.amount ELSE r.rolled_up END)
  FROM node n
  LEFT JOIN rolled r ON r.source_key = n.source_key AND r.rep_id = n.rep_id AND r.category = n.category;
END;
COMMENT ON FUNCTION salesops.forecast_called(salesops.fiscal_period, timestamptz, timestamptz, timestamptz, salesops.reporting_line[]) IS
  'The calls for the cut-off that an instant belongs to rolled up, one row a node and column: called_below = own deals and the '
  'calls below, deals where nobody has called; called = the node''s own call, where there is one, else called_below. Arguments '
  'and the other columns as of forecast_nodes()';

-- Who has to call, and who has not

CREATE FUNCTION salesops.expected_submitters(period salesops.fiscal_period, as_of timestamptz, known_at timestamptz DEFAULT NULL,
                                             OUT source_key text, OUT rep_id text, OUT rep text, OUT manager_id text, OUT manager text,
                                             OUT because text)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE SET jit = off SET enable_nestloop = off
BEGIN ATOMIC
  SELECT salesops.check_quarter(expected_submitters.period);
  WITH rep AS MATERIALIZED (
    SELECT r.source_key, r.id, coalesce(r.name, r.id) AS name,
           coalesce(r.is_active, true) AND coalesce(r.left_on >= d.day, true) AS may_sell
    FROM salesops.rep_as_of(expected_submitters.as_of, expected_submitters.known_at) r
    CROSS JOIN (SELECT salesops.local_date(expected_submitters.as_of) AS day) d
  ), tree AS MATERIALIZED (
    SELECT t.source_key, t.rep_id, t.path[t.level - 1] AS manager_id
    FROM salesops.rep_tree(expected_submitters.as_of, expected_submitters.known_at) t
  ), pipeline AS (
    SELECT f.source_key, f.owner_id AS rep_id
    FROM salesops.forecast_by_quarter(expected_submitters.as_of, expected_submitters.known_at) f
    CROSS JOIN salesops.forecast_categories() c
    WHERE f.period = expected_submitters.period AND c.is_open AND f.owner_id IS NOT NULL
    GROUP BY f.source_key, f.owner_id
    HAVING sum(salesops.deals(f.totals, c.category)) > 0
  ), quota AS (
    SELECT q.source_key, q.owner_id AS rep_id
    FROM salesops.owner_quota(expected_submitters.as_of, expected_submitters.known_at) q
    WHERE q.period = expected_submitters.period
    GROUP BY q.source_key, q.owner_id
  ), reports AS (
    SELECT t.source_key, t.manager_id AS rep_id
    FROM tree t JOIN rep r ON r.source_key = t.source_key AND r.id = t.rep_id AND r.may_sell
    GROUP BY t.source_key, t.manager_id
  )
  SELECT r.source_key, r.id, r.name, t.manager_id, m.name,
         concat_ws(', ', CASE WHEN p.rep_id IS NOT NULL THEN 'pipeline' END, CASE WHEN q.rep_id IS NOT NULL THEN 'quota' END,
                   CASE WHEN b.rep_id IS NOT NULL THEN 'reports' END)
  FROM rep r
  JOIN tree t ON t.source_key = r.source_key AND t.rep_id = r.id
  LEFT JOIN rep m ON m.source_key = t.source_key AND m.id = t.manager_id
  LEFT JOIN pipeline p ON p.source_key = r.source_key AND p.rep_id = r.id
  LEFT JOIN quota q ON q.source_key = r.source_key AND q.rep_id = r.id
  LEFT JOIN reports b ON b.source_key = r.source_key AND b.rep_id = r.id
  WHERE r.may_sell AND (p.rep_id IS NOT NULL OR q.rep_id IS NOT NULL OR b.rep_id IS NOT NULL);
END;
COMMENT ON FUNCTION salesops.expected_submitters(salesops.fiscal_period, timestamptz, timestamptz) IS
  'Reps who have to call a fiscal quarter as of an instant, with their manager and because of what: open pipeline in it, a quota '
  'for it, active reports. Who is inactive or has left is not expected. Arguments as of opportunity_as_of()';

CREATE FUNCTION salesops.missing_submitters(period salesops.fiscal_period, as_of timestamptz,
                                            category salesops.forecast_category DEFAULT 'Commit', known_at timestamptz DEFAULT NULL,
                                            OUT source_key text, OUT rep_id text, OUT rep text, OUT manager_id text, OUT manager text,
                                            OUT because text, OUT cut_off timestamptz, OUT forecast_week integer,
                                            OUT last_amount numeric, OUT last_called_at timestamptz, OUT since_last_call interval)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE SET jit = off SET enable_nestloop = off
BEGIN ATOMIC
  SELECT salesops.check_callable(missing_submitters.category);
  WITH deadline AS MATERIALIZED (
    SELECT d.* FROM salesops.submission_deadline(missing_submitters.period, missing_submitters.as_of) d WHERE d.cut_off IS NOT NULL
  ), call AS MATERIALIZED (
    SELECT c.source_key, c.rep_id, max(c.cut_off) AS cut_off, max(c.submitted_at) AS last_called_at,
           (array_agg(c.amount ORDER BY c.submitted_at DESC))[1] AS last_amount
    FROM salesops.forecast_calls(missing_submitters.period, missing_submitters.as_of, missing_submitters.known_at) c
    WHERE c.category = missing_submitters.category
    GROUP BY c.source_key, c.rep_id
  )
  SELECT e.source_key, e.rep_id, e.rep, e.manager_id, e.manager, e.because, d.cut_off, d.forecast_week,
         c.last_amount, c.last_called_at, missing_submitters.as_of - c.last_called_at
  FROM salesops.expected_submitters(missing_submitters.period, missing_submitters.as_of, missing_submitters.known_at) e
  CROSS JOIN deadline d
  LEFT JOIN call c ON c.source_key = e.source_key AND c.rep_id = e.rep_id
  WHERE coalesce(c.cut_off < d.cut_off, true);
END;
COMMENT ON FUNCTION salesops.missing_submitters(salesops.fiscal_period, timestamptz, salesops.forecast_category, timestamptz) IS
  'expected_submitters() who have not called a column of a fiscal quarter for the cut-off that an instant belongs to, with their '
  'last call for an earlier one and how long ago it was (NULL = never). A late call is a call. 22023 unless the period is a quarter '
  'and the column one that is called';

-- Calling

CREATE FUNCTION salesops.submit_forecast(source_key text, rep_id text, period salesops.fiscal_period, category salesops.forecast_category,
                                         amount numeric, note text DEFAULT NULL, submitted_by text DEFAULT NULL,
                                         submitted_at timestamptz DEFAULT salesops.clock(),
                                         OUT cut_off timestamptz, OUT forecast_week integer, OUT is_late boolean, OUT prior_amount numeric)
RETURNS record LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
  PERFORM salesops.check_forecaster(source_key, rep_id, period, category, submitted_at);
  PERFORM salesops.check_figure(amount, 'Call 0 if that is the call; who does not call is listed as missing.');
  IF submitted_by !~ '[^[:space:]]' THEN
    RAISE EXCEPTION 'submitted_by is blank' USING
      ERRCODE = 'invalid_parameter_value', HINT = 'Name who calls on the rep''s behalf, or leave it out for the rep himself.';
  END IF;

  SELECT d.cut_off, d.forecast_week INTO cut_off, forecast_week FROM salesops.submission_deadline(period, submitted_at) d;
  is_late := submitted_at > cut_off;
  -- As known by now: what was called below before this call counts, even if it is being brought from elsewhere.
  SELECT c.called_below INTO prior_amount
  FROM salesops.forecast_called(period, submitted_at, greatest(submitted_at, salesops.clock())) c
  WHERE c.source_key = submit_forecast.source_key AND c.rep_id = submit_forecast.rep_id
    AND c.category OPERATOR(salesops.=) submit_forecast.category;

  INSERT INTO salesops.forecast_submission (source_key, rep_id, period, category, submitted_at, amount, currency, note, submitted_by,
                                            cut_off, prior_amount)
  VALUES (source_key, rep_id, period, category, submitted_at, amount, salesops.get_setting('corporate_currency'), note,
          coalesce(submitted_by, rep_id), cut_off, prior_amount);
EXCEPTION WHEN unique_violation THEN
  PERFORM salesops.raise_recorded_twice(format('a call of %s by %s for %s', category, rep_id, period), submitted_at);
END $$;
COMMENT ON FUNCTION salesops.submit_forecast(text, text, salesops.fiscal_period, salesops.forecast_category, numeric, text, text, timestamptz) IS
  'Call a column (Commit, Most Likely, Best Case, Pipeline) of a rep''s forecast of a fiscal quarter, in corporate currency; again = a '
  'correction. Returns the cut-off and forecast week it counts for, whether it is late, and the figure it stands in for. 42704 for '
  'an unknown rep; 22023 for one who has left, a quarter that is over, another column, an instant in the future; 22004 without an '
  'amount; 23505 for the same instant twice';
