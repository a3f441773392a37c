-- forecast_category: what is read, what is printed, what is refused.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS salesops;
SET search_path = salesops, public;

-- The members in rank order.
SELECT * FROM forecast_categories();

-- Every spelling that a CRM uses, and the label it stands for.
SELECT spelling, spelling::forecast_category AS category
FROM unnest(ARRAY[
  'Omitted', 'OMIT', 'Not forecasted', 'NOT_FORECASTED',
  'Upside', 'upside',
  'Pipeline', 'PIPELINE',
  'Best Case', 'BestCase', 'best_case', 'BEST CASE', 'BEST_CASE', 'best-case', 'bestcase', 'Best  Case', ' Best Case ',
  'Most Likely', 'MostLikely', 'MOST_LIKELY', 'most-likely',
  'Commit', 'COMMIT', 'Forecast', 'forecast',
  'Closed', 'CLOSED', 'Closed won', 'ClosedWon', 'closed_won'
]) AS spelling;

-- What nobody spells so is an error on input and NULL where a label is only to be recognised.
SELECT 'Comit'::forecast_category;
SELECT ''::forecast_category;
SELECT 'Closed lost'::forecast_category;
SELECT 'Best Case!'::forecast_category;
SELECT 'Be st Case'::forecast_category;
SELECT '_Commit'::forecast_category;
SELECT repeat('Commit', 50)::forecast_category;
SELECT label, recognize_forecast_category(label)
FROM unnest(ARRAY['Comit', '', ' ', 'Closed lost', 'Negotiation', NULL, 'FORECAST']) AS label;

-- Order, equality, extremes; NULL is nobody's category.
SELECT category FROM forecast_categories() ORDER BY category DESC;
SELECT max(category), min(category) FROM forecast_categories();
SELECT max(category), min(category) FROM forecast_categories() WHERE false;
SELECT 'Commit'::forecast_category > 'Best Case' AS gt, 'Commit'::forecast_category = 'Forecast' AS eq,
       'Upside'::forecast_category >= 'Pipeline' AS ge, 'Upside'::forecast_category <> 'Pipeline' AS ne,
       'Omitted'::forecast_category < NULL AS with_null;
SELECT 'Closed' IN (SELECT category FROM forecast_categories() WHERE is_open) AS closed_is_open;

-- Casts: from strings, to text by label, to a number by sort rank, and nothing implicit to text.
SELECT 'best case'::varchar::forecast_category, 'best case'::text::forecast_category,
       'Commit'::forecast_category::text, 'Commit'::forecast_category::smallint;
SELECT 'Commit'::forecast_category || ' forecast' AS concatenation;
SELECT lower('Commit'::forecast_category);
SELECT 'Commit'::forecast_category = 'Commit'::text;
CREATE TEMP TABLE deal (category forecast_category, label text);
INSERT INTO deal SELECT 'Most Likely'::text, 'Commit'::forecast_category;
INSERT INTO deal (category) VALUES ('MostLikely'::varchar(20)), (NULL);
SELECT * FROM deal;

-- A bound varchar parameter compares as a category, and a plain text comparison is left alone.
PREPARE by_category(varchar) AS SELECT count(*) FROM deal WHERE category = $1;
EXECUTE by_category('MOST_LIKELY');
SELECT 'a'::varchar < 'B'::varchar COLLATE "C" AS text_order, max('a'::varchar), 'a'::varchar = 'a' AS text_equal;

-- The binary form is the stored byte: 40 for Best Case.
SELECT forecast_category_send('Best Case');

-- Default weights, in percent of the product page: 100, 90, 70, 50, 20, 5, 0.
SELECT weight('Closed'), weight('Commit'), weight('Most Likely'), weight('Best Case'), weight('Pipeline'),
       weight('Upside'), weight('Omitted'), weight(NULL::forecast_category);

-- One byte in a row.
SELECT pg_column_size('Closed'::forecast_category);
