-- Weeks of a server that goes down, jobs that fail, processes that die, runs that take hours and a clock that is set
-- forward and back: every slot that the server could see is attempted, and none succeeds twice.
--
-- The driver takes the place of the worker and tells the functions what time it is. It keeps books of its own: when it
-- looked, and what the clock said when each run began. The checks compare these with the run log.
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SET LOCAL TimeZone = 'UTC';
SELECT plan(14);

DELETE FROM salesops.schedule;
DELETE FROM salesops.run_log;
DELETE FROM salesops.run_request;
\ir take_run_lock.psql

CREATE TEMPORARY TABLE written (run_id bigint, as_of timestamptz);
CREATE SCHEMA simulated;
CREATE FUNCTION simulated.work(run_id bigint, as_of timestamptz) RETURNS bigint LANGUAGE sql
AS $$ INSERT INTO pg_temp.written VALUES (run_id, as_of) RETURNING 1::bigint $$;
SELECT salesops.define_step(s, 'simulated.work') FROM unnest('{read,think,tell}'::text[]) s \g /dev/null
SELECT salesops.define_job('daily', '{read,think,tell}') \g /dev/null
SELECT salesops.define_job('often', '{read,think}') \g /dev/null

-- Through the Berlin spring, 29 March 2026. often pauses on Sundays.
SELECT salesops.set_schedule('daily', '02:30', 'Europe/Berlin') \g /dev/null
SELECT salesops.set_schedule('often', '00:20', 'Europe/Berlin', weekdays => '{1,2,3,4,5,6}', every => '100 minutes',
                             catch_up => '3 hours', retry_after => '10 minutes') \g /dev/null
UPDATE salesops.schedule SET since = '2026-03-01';

CREATE TEMPORARY TABLE looked (n serial, at timestamptz, next_due timestamptz);   -- nothing was due any more at this reading of the clock
CREATE TEMPORARY TABLE began (run_id bigint, at timestamptz, look integer);   -- the look before it

DO $$
DECLARE
  now timestamptz := '2026-03-15 00:00Z';
  run bigint;
  todo text;
  fate double precision;
BEGIN
  PERFORM setseed(0.42);
  WHILE now < '2026-04-10' LOOP
    now := now + random() * interval '40 minutes';
    fate := random();
    IF fate < 0.02 THEN now := now + random() * interval '40 hours';          -- the server is down
    ELSIF fate < 0.03 THEN now := now - random() * interval '26 hours';       -- the clock is set back
    ELSIF fate < 0.035 THEN now := now + random() * interval '50 hours';      -- ... or forward
    END IF;

    LOOP
      run := salesops.begin_due_run(now);
      EXIT WHEN run IS NULL;
      INSERT INTO began VALUES (run, now, (SELECT max(n) FROM looked));
      fate := random();
      FOR todo IN SELECT s.step FROM salesops.steps_to_do(run) s LOOP
        PERFORM salesops.begin_step(run, todo);
        now := now + CASE WHEN random() < 0.01 THEN interval '5 hours' ELSE random() * interval '10 minutes' END;
        EXIT WHEN fate < 0.1 AND random() < 0.5;                              -- its process dies
        IF fate BETWEEN 0.1 AND 0.35 AND random() < 0.6 THEN
          PERFORM salesops.fail_step(run, todo, 'XX000', 'bad luck', NULL, NULL);
        ELSE
          PERFORM salesops.run_step(run, todo);
        END IF;
      END LOOP;
      CONTINUE WHEN fate < 0.1;                                              -- the next process looks at once
      PERFORM salesops.finish_run(run, now);
    END LOOP;
    INSERT INTO looked (at, next_due) VALUES (now, salesops.next_due(now));
  END LOOP;
END $$;

-- The slots there were.
CREATE TEMPORARY TABLE slot AS
SELECT s.job, s.catch_up, d::date AS local_date, i.slot, i.due_at, lead(i.due_at) OVER (PARTITION BY s.job ORDER BY i.due_at) AS next_due_at
FROM salesops.schedule s, generate_series(date '2026-03-10', date '2026-04-25', interval '1 day') d, salesops.day_slots(s, d::date) i;
-- Each look with the one after it, as long as the clock was not set back in between.
CREATE TEMPORARY VIEW rest AS
SELECT l.*, (SELECT min(b.at) FROM began b WHERE b.look = l.n) AS began_at
FROM (SELECT n, at, next_due, lead(at) OVER (ORDER BY n) AS next_at FROM looked) l
WHERE l.next_at > l.at;
CREATE TEMPORARY VIEW attempt AS
SELECT r.*, b.at, r.attempt = max(r.attempt) OVER (PARTITION BY r.series) AS is_last
FROM salesops.run_log r JOIN began b USING (run_id);

SELECT ok(count(*) FILTER (WHERE status = 'succeeded') > 60 AND count(*) FILTER (WHERE status = 'failed') > 30
          AND count(*) FILTER (WHERE status = 'abandoned') > 10 AND count(*) FILTER (WHERE attempt = 3) > 5,
          'enough has happened: ' || string_agg(DISTINCT status, ', ')) FROM attempt;
SELECT ok(count(*) > 2, 'the clock was set back a few times')
FROM (SELECT at < lag(at) OVER (ORDER BY n) AS back FROM looked) l WHERE back;
SELECT is_empty('SELECT job, slot, local_date FROM attempt WHERE status = ''succeeded'' GROUP BY 1, 2, 3 HAVING count(*) > 1',
                'no slot succeeds twice');
SELECT is_empty('SELECT job, due_at FROM attempt WHERE attempt = 1 GROUP BY 1, 2 HAVING count(*) > 1', 'no slot begins twice');
SELECT is_empty('SELECT * FROM attempt WHERE NOT is_last AND status NOT IN (''failed'', ''abandoned'')', 'what succeeded is not tried again');
SELECT is_empty('SELECT series FROM attempt GROUP BY series HAVING max(attempt) > 3 OR count(*) <> max(attempt)', 'nothing is attempted more than three times');
SELECT is_empty('SELECT * FROM attempt a WHERE NOT EXISTS (SELECT FROM slot s WHERE s.job = a.job AND s.local_date = a.local_date AND s.due_at = a.due_at)',
                'nothing runs that was not due');
SELECT is_empty('SELECT * FROM attempt a JOIN slot s USING (job, due_at) WHERE a.at < s.due_at OR a.at >= s.next_due_at OR a.at >= s.due_at + s.catch_up',
                'nothing begins before it is due, after the next slot, or later than catch_up');
SELECT is_empty($$SELECT l.at, s.job, s.due_at FROM looked l JOIN slot s ON l.at >= s.due_at AND l.at < s.next_due_at AND l.at < s.due_at + s.catch_up
                  WHERE NOT EXISTS (SELECT FROM attempt a WHERE a.job = s.job AND a.due_at = s.due_at)$$,
                'every slot that the driver could see is attempted');
SELECT is_empty($$SELECT l.at, a.run_id FROM attempt a JOIN slot s USING (job, due_at)
                  JOIN looked l ON l.at >= a.retry_at AND l.at < s.next_due_at AND l.at < s.due_at + s.catch_up
                  WHERE a.is_last$$,
                'and attempted again as long as there was time');
SELECT is_empty('SELECT * FROM rest WHERE began_at < next_due', 'nothing begins while the worker was told to rest');
SELECT is_empty('SELECT * FROM rest WHERE began_at IS NULL AND next_at >= next_due AND next_at < next_due + interval ''1 hour''', '... and something does when it was told to look');
SELECT is_empty($$SELECT a.series FROM attempt a WHERE a.status = 'succeeded' AND EXISTS (
                    SELECT FROM salesops.job_steps(a.job) j
                    WHERE (SELECT count(*) FROM attempt o JOIN salesops.run_step_log l USING (run_id)
                           WHERE o.series = a.series AND o.as_of = a.as_of AND l.step = j.step AND l.status = 'succeeded') <> 1)$$,
                'a series that succeeded has done each step once as of its instant');
SELECT is_empty('SELECT * FROM (SELECT as_of < lag(as_of) OVER (ORDER BY run_id) AS back FROM salesops.run_log) r WHERE back',
                'no run computes for an instant before the last one');

SELECT * FROM finish();
ROLLBACK;
