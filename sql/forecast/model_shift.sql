-- Whether the open deals are still like those that the model learned from.
--
-- A model tells of deals like those it saw. Where a stage was renamed, a category is now given away freely, or a new team sells to
-- other customers, its probabilities are of another world, and no backtest can show that before the quarter is over. So of each
-- factor the shares of its levels among the open deals are held against those among the deals learned from, by the population
-- stability index: the sum of (p - q) ln(p / q), with the usual bounds of 0.1 and 0.25.
--
-- Half a deal is added to each level, so that a level which was never seen has a share. Chance moves shares too: with k levels
-- the index of n and m deals of one population is about (1/n + 1/m) times chi-square with k - 1 degrees of freedom, and only what
-- is above 19 in 20 of such values counts. n are the deals learned from, each once, however many month ends they were open at.
--
-- Left out are to_go and due, which follow the calendar, and owner: people come and go, and a model that does not know one takes
-- him for the average of his team. That less is known of the past than of the present is as it must be, so the level of what is not
-- known counts only where it has become more. New levels of less than a hundredth of the deals each are one.

CREATE FUNCTION salesops.model_shift_levels(
  as_of timestamptz, known_at timestamptz DEFAULT NULL,
  OUT factor text, OUT level text, OUT deals_then bigint, OUT deals_now bigint, OUT share_then numeric, OUT share_now numeric,
  OUT part numeric, OUT chance numeric)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 300
BEGIN ATOMIC
  WITH fitted AS MATERIALIZED (
    SELECT m.model, m.factors, m.fields, m.deals::numeric / nullif(m.rows, 0) AS deals_a_row, s.deals AS rows
    FROM salesops.current_win_model(model_shift_levels.as_of, model_shift_levels.known_at) m
    CROSS JOIN LATERAL salesops.win_model_summary(m.model) s
  ), factor AS MATERIALIZED (
    SELECT n.name FROM fitted f CROSS JOIN LATERAL unnest(f.factors) AS n(name) WHERE n.name NOT IN ('to_go', 'due', 'owner')
  ), learned AS MATERIALIZED (
    SELECT e.term AS factor, e.level, e.deals
    FROM fitted f CROSS JOIN LATERAL salesops.win_effects(f.model) e JOIN factor n ON n.name = e.term
  ), not_kept AS MATERIALIZED (
    -- Of the levels that the model had no room for, and of those alone, it does not know each.
    SELECT n.name AS factor, f.rows - coalesce(sum(l.deals), 0)::bigint AS deals
    FROM fitted f CROSS JOIN factor n LEFT JOIN learned l ON l.factor = n.name
    GROUP BY n.name, f.rows
  ), seen AS (
    SELECT v.factor, CASE WHEN l.level IS NOT NULL THEN v.level WHEN k.deals > 0 THEN '(other levels)'
                                WHEN v.deals * 100 < v.all_deals THEN '(new levels)' ELSE v.level END AS level, sum(v.deals)::bigint AS deals
    FROM (SELECT n.factor, coalesce(n.level, '(unknown)') AS level, count(*) AS deals, sum(count(*)) OVER (PARTITION BY n.factor) AS all_deals
          FROM fitted f
          CROSS JOIN LATERAL salesops.win_deals(ARRAY[model_shift_levels.as_of], model_shift_levels.known_at, f.factors, NULL, f.fields) d
          CROSS JOIN LATERAL unnest(f.factors, d.levels) AS n(factor, level)
          GROUP BY 1, 2) v
    JOIN not_kept k ON k.factor = v.factor
    LEFT JOIN learned l ON l.factor = v.factor AND l.level = v.level
    GROUP BY 1, 2
  ), was AS (
    SELECT l.factor, l.level, l.deals FROM learned l
    UNION ALL
    SELECT k.factor, '(other levels)', k.deals FROM not_kept k WHERE k.deals > 0
  ), both_times AS (
    SELECT coalesce(w.factor, s.factor) AS factor, coalesce(w.level, s.level) AS level, coalesce(w.deals, 0) AS deals_then, coalesce(s.deals, 0) AS deals_now
    FROM was w FULL JOIN seen s ON s.factor = w.factor AND s.level = w.level
  ), counted AS (
    SELECT b.*, sum(b.deals_then) OVER f AS all_then, sum(b.deals_now) OVER f AS all_now
    FROM both_times b WINDOW f AS (PARTITION BY b.factor)
  ), known AS (
    SELECT c.factor, c.level, c.deals_then, c.deals_now, sum(c.deals_then) OVER f AS all_then, sum(c.deals_now) OVER f AS all_now,
           count(*) OVER f AS levels
    FROM counted c
    WHERE c.level <> '(unknown)' OR c.deals_now * c.all_then > c.deals_then * c.all_now
    WINDOW f AS (PARTITION BY c.factor)
  ), smoothed AS (
    SELECT k.*, (k.deals_then + 0.5) / (k.all_then + 0.5 * k.levels) AS q, (k.deals_now + 0.5) / (k.all_now + 0.5 * k.levels) AS p
    FROM known k
    WHERE k.all_then > 0 AND k.all_now > 0
  )
  SELECT s.factor, s.level, s.deals_then, s.deals_now, round(s.deals_then / s.all_then, 4), round(s.deals_now / s.all_now, 4),
         round((s.p - s.q) * ln(s.p / s.q), 6),
         round((1 / (s.all_then * f.deals_a_row) + 1 / s.all_now) * (s.levels - 1 + 1.645 * sqrt(2.0 * (s.levels - 1))), 6)
  FROM smoothed s CROSS JOIN fitted f
  ORDER BY s.factor COLLATE "C", s.level COLLATE "C";
END;
COMMENT ON FUNCTION salesops.model_shift_levels(timestamptz, timestamptz) IS
  'Each level of each factor of the model (without to_go, due and owner): deals learned from, counted once a month end, and open deals as of an instant, '
  'their shares of the factor, the level''s part of the population stability index, and the index that chance alone exceeds one time in '
  'twenty. Levels that the model had no room for are one, "(other levels)", and so are small new ones, "(new levels)"; what is not known is a level only where it has become more. No rows without '
  'a model or open deals. known_at NULL = as_of';

CREATE FUNCTION salesops.share_in_words(share numeric) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN share > 0 AND share < 0.01 THEN 'under 1 %' ELSE round(100 * share) || ' %' END;
COMMENT ON FUNCTION salesops.share_in_words(numeric) IS 'A share such as "21 %", or "under 1 %"; NULL = not known';

CREATE FUNCTION salesops.model_shift(
  as_of timestamptz, known_at timestamptz DEFAULT NULL,
  OUT factor text, OUT psi numeric, OUT chance numeric, OUT verdict text, OUT level text, OUT share_then numeric, OUT share_now numeric,
  OUT words text)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 15
BEGIN ATOMIC
  SELECT f.factor, f.psi, f.chance,
         CASE WHEN f.psi < 0.1 OR f.psi <= f.chance THEN 'as before' WHEN f.psi < 0.25 THEN 'moved' ELSE 'unlike' END,
         f.level, f.share_then, f.share_now,
         format('%s, %s %s %s', f.factor, salesops.share_in_words(f.share_now), f.level,
                CASE WHEN f.deals_then = 0 THEN 'that it never saw' ELSE 'against ' || salesops.share_in_words(f.share_then) END)
  FROM (SELECT DISTINCT ON (l.factor COLLATE "C") l.factor, sum(l.part) OVER (PARTITION BY l.factor) AS psi, l.chance, l.level,
               l.deals_then, l.share_then, l.share_now
        FROM salesops.model_shift_levels(model_shift.as_of, model_shift.known_at) l
        ORDER BY l.factor COLLATE "C", l.share_now - l.share_then DESC, l.level COLLATE "C") f
  ORDER BY f.psi DESC, f.factor COLLATE "C";
END;
COMMENT ON FUNCTION salesops.model_shift(timestamptz, timestamptz) IS
  'How much the open deals as of an instant differ from those that the model learned from, by factor, most first: population stability '
  'index; the index that chance alone exceeds one time in twenty; as before, moved (0.1 or more) or unlike (0.25 or more), if above chance; and the '
  'level of which there is more now, by most. Arguments as of model_shift_levels()';

CREATE FUNCTION salesops.model_shift_reason(as_of timestamptz, known_at timestamptz DEFAULT NULL)
RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT 'the open deals are unlike those the model learned from: ' || string_agg(f.words, '; ' ORDER BY f.psi DESC, f.factor COLLATE "C")
  FROM (SELECT s.* FROM salesops.model_shift(model_shift_reason.as_of, model_shift_reason.known_at) s
        WHERE s.verdict = 'unlike' ORDER BY s.psi DESC, s.factor COLLATE "C" LIMIT 3) f;
END;
COMMENT ON FUNCTION salesops.model_shift_reason(timestamptz, timestamptz) IS
  'The factors of which model_shift() says unlike, at most three, in words for the reason of a forecast; NULL = none. It reads all open deals, so ask once a day. '
  'Arguments as of model_shift_levels()';
