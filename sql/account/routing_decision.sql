-- Decisions about leads: rows, never changed. What follows from them and is wanted at once is kept beside them: who has which open lead, and
-- what each rep of a pool is owed.

CREATE TYPE salesops.routing_candidate AS (pool text, rep_id text, state text, weight numeric, open_leads integer, owed numeric);
COMMENT ON TYPE salesops.routing_candidate IS
  'A rep who was considered for a lead: pool (NULL = as the owner of the account), state (NULL = free; else why not), weight, open leads, and how many leads of the pool he was owed';

CREATE TABLE salesops.routing_decision (
  decision_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  source_key   text NOT NULL,
  lead_id      text NOT NULL,
  round        integer NOT NULL CHECK (round > 0),
  rule_version bigint REFERENCES salesops.routing_rule,
  rule         text,
  pool         text,
  rep_id       text,
  due_at       timestamptz,
  why          text NOT NULL,
  candidates   salesops.routing_candidate[] NOT NULL,
  reassigns    bigint REFERENCES salesops.routing_decision,
  as_of        timestamptz NOT NULL,
  recorded_at  timestamptz NOT NULL DEFAULT salesops.clock(),
  role_name    text NOT NULL DEFAULT CURRENT_USER,
  UNIQUE (source_key, lead_id, round),
  CHECK (rep_id IS NOT NULL OR rule_version IS NULL)
);
CREATE INDEX routing_decision_rep ON salesops.routing_decision (source_key, rep_id, as_of);
COMMENT ON TABLE salesops.routing_decision IS 'Who was given which lead, append-only; of a lead the decision of the highest round holds';
COMMENT ON COLUMN salesops.routing_decision.decision_id IS 'Number of the decision';
COMMENT ON COLUMN salesops.routing_decision.source_key IS 'Source of the lead';
COMMENT ON COLUMN salesops.routing_decision.lead_id IS 'Lead';
COMMENT ON COLUMN salesops.routing_decision.round IS 'Which decision about the lead, from 1 on';
COMMENT ON COLUMN salesops.routing_decision.rule_version IS 'Version of the rule that gave it; NULL = nobody was given it';
COMMENT ON COLUMN salesops.routing_decision.rule IS 'Name of that rule';
COMMENT ON COLUMN salesops.routing_decision.pool IS 'Pool that shared it; NULL = the owner of the account was given it, or nobody';
COMMENT ON COLUMN salesops.routing_decision.rep_id IS 'Rep who was given it; NULL = it waits in the fallback queue';
COMMENT ON COLUMN salesops.routing_decision.due_at IS 'When the rep is to have touched it; NULL = no service level, or his working time does not come in 400 days';
COMMENT ON COLUMN salesops.routing_decision.why IS 'Why, in words';
COMMENT ON COLUMN salesops.routing_decision.candidates IS 'All reps who were considered, in every pool that was asked';
COMMENT ON COLUMN salesops.routing_decision.reassigns IS 'Decision whose rep let its time run out; NULL = none';
COMMENT ON COLUMN salesops.routing_decision.as_of IS 'As of when it was decided';
COMMENT ON COLUMN salesops.routing_decision.recorded_at IS 'When it was recorded';
COMMENT ON COLUMN salesops.routing_decision.role_name IS 'Role that routed';
SELECT pg_catalog.pg_extension_config_dump('salesops.routing_decision', '');
SELECT pg_catalog.pg_extension_config_dump('salesops.routing_decision_decision_id_seq', '');
COMMENT ON SEQUENCE salesops.routing_decision_decision_id_seq IS 'Numbers of routing decisions';
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON salesops.routing_decision
  FOR EACH STATEMENT EXECUTE FUNCTION salesops.refuse_change('A lead that is given to somebody else is a new decision: reassign_overdue_leads().');
COMMENT ON TRIGGER append_only ON salesops.routing_decision IS 'Who was given which lead, and why, must stay known';

CREATE TABLE salesops.routed_lead (
  source_key  text NOT NULL,
  lead_id     text NOT NULL,
  decision_id bigint NOT NULL REFERENCES salesops.routing_decision,
  rep_id      text,
  due_at      timestamptz,
  PRIMARY KEY (source_key, lead_id)
);
CREATE INDEX routed_lead_due ON salesops.routed_lead (due_at);
COMMENT ON TABLE salesops.routed_lead IS 'Leads that were routed and, when last looked at, open: the decision that holds. Follows from routing_decision and lead';
COMMENT ON COLUMN salesops.routed_lead.source_key IS 'Source of the lead';
COMMENT ON COLUMN salesops.routed_lead.lead_id IS 'Lead';
COMMENT ON COLUMN salesops.routed_lead.decision_id IS 'Decision that holds';
COMMENT ON COLUMN salesops.routed_lead.rep_id IS 'Rep who has it; NULL = it waits in the fallback queue';
COMMENT ON COLUMN salesops.routed_lead.due_at IS 'When he is to have touched it';
SELECT pg_catalog.pg_extension_config_dump('salesops.routed_lead', '');

CREATE TABLE salesops.routing_load (
  source_key text NOT NULL,
  rep_id     text NOT NULL,
  open_leads bigint NOT NULL,
  PRIMARY KEY (source_key, rep_id)
);
COMMENT ON TABLE salesops.routing_load IS 'How many rows of routed_lead each rep has: counting them once a lead would take the longer the more are open';
COMMENT ON COLUMN salesops.routing_load.source_key IS 'Source of the rep';
COMMENT ON COLUMN salesops.routing_load.rep_id IS 'Rep';
COMMENT ON COLUMN salesops.routing_load.open_leads IS 'Open leads that routing gave him';
SELECT pg_catalog.pg_extension_config_dump('salesops.routing_load', '');

CREATE TABLE salesops.routing_share (
  source_key text NOT NULL,
  pool       text NOT NULL,
  rep_id     text NOT NULL,
  owed       numeric NOT NULL,
  PRIMARY KEY (source_key, pool, rep_id)
);
COMMENT ON TABLE salesops.routing_share IS
  'How many leads of a pool each of its reps is owed: his shares of those that were given while he was free, less those that he was given. The sum over the decisions';
COMMENT ON COLUMN salesops.routing_share.source_key IS 'Source of the pool';
COMMENT ON COLUMN salesops.routing_share.pool IS 'Pool';
COMMENT ON COLUMN salesops.routing_share.rep_id IS 'Rep';
COMMENT ON COLUMN salesops.routing_share.owed IS 'Leads owed; below 0 = he is ahead';
SELECT pg_catalog.pg_extension_config_dump('salesops.routing_share', '');

CREATE TABLE salesops.routing_touch (
  source_key  text NOT NULL,
  lead_id     text NOT NULL,
  rep_id      text NOT NULL,
  touched_at  timestamptz NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT salesops.clock(),
  role_name   text NOT NULL DEFAULT CURRENT_USER,
  PRIMARY KEY (source_key, lead_id, rep_id, touched_at)
);
COMMENT ON TABLE salesops.routing_touch IS 'First touches of leads that were acknowledged here rather than logged in the CRM, append-only';
COMMENT ON COLUMN salesops.routing_touch.source_key IS 'Source of the lead';
COMMENT ON COLUMN salesops.routing_touch.lead_id IS 'Lead';
COMMENT ON COLUMN salesops.routing_touch.rep_id IS 'Rep who touched it';
COMMENT ON COLUMN salesops.routing_touch.touched_at IS 'When';
COMMENT ON COLUMN salesops.routing_touch.recorded_at IS 'When it was recorded';
COMMENT ON COLUMN salesops.routing_touch.role_name IS 'Role that recorded it';
SELECT pg_catalog.pg_extension_config_dump('salesops.routing_touch', '');
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON salesops.routing_touch
  FOR EACH STATEMENT EXECUTE FUNCTION salesops.refuse_change('A touch that was acknowledged stays.');
COMMENT ON TRIGGER append_only ON salesops.routing_touch IS 'Whether a lead was touched in time must stay known';
