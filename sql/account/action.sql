-- Next best actions: a few for each rep, kept night by night.
--
-- An action stays until its rep says done or useless, or what speaks for it is gone; so tomorrow's list is today's less what was dealt with, filled
-- up. Nothing is changed: an action, what was said of it, and that its reason is gone are rows of their own.

CREATE TABLE salesops.next_action (
  action_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  offered_at  timestamptz NOT NULL,
  rule        text NOT NULL,
  signal      text NOT NULL,
  key         text NOT NULL,
  object_kind text NOT NULL,
  source_key  text NOT NULL,
  object_id   text NOT NULL,
  owner_id    text NOT NULL,
  what        text NOT NULL,
  why         text NOT NULL,
  due_date    date NOT NULL,
  amount      numeric,
  currency    text NOT NULL,
  uplift      numeric,
  expected_value numeric,
  no_value_because text,
  weight      numeric NOT NULL,
  score       integer,
  run_id      bigint NOT NULL,
  UNIQUE (rule, object_kind, source_key, object_id, owner_id, offered_at),
  CHECK ((uplift IS NULL) = (no_value_because IS NOT NULL) AND (uplift IS NULL) = (expected_value IS NULL))
);
CREATE INDEX next_action_owner ON salesops.next_action (source_key, owner_id, offered_at);
COMMENT ON TABLE salesops.next_action IS 'Actions as they were offered, append-only; written by keep_actions(), read with next_best_actions()';
COMMENT ON COLUMN salesops.next_action.action_id IS 'Number of the action';
COMMENT ON COLUMN salesops.next_action.offered_at IS 'Instant as of which it was first offered';
COMMENT ON COLUMN salesops.next_action.rule IS 'Rule that asked for it (action_rules())';
COMMENT ON COLUMN salesops.next_action.signal IS 'Signal it rests on: finding, risk, score, idle or stage';
COMMENT ON COLUMN salesops.next_action.key IS 'Which one';
COMMENT ON COLUMN salesops.next_action.object_kind IS 'opportunity or account';
COMMENT ON COLUMN salesops.next_action.source_key IS 'Source of object and rep';
COMMENT ON COLUMN salesops.next_action.object_id IS 'Deal or account';
COMMENT ON COLUMN salesops.next_action.owner_id IS 'Rep who is asked: the owner';
COMMENT ON COLUMN salesops.next_action.what IS 'What is to be done';
COMMENT ON COLUMN salesops.next_action.why IS 'Why, with the numbers';
COMMENT ON COLUMN salesops.next_action.due_date IS 'By when';
COMMENT ON COLUMN salesops.next_action.amount IS 'Amount of the deal in currency; NULL = unknown, or an account';
COMMENT ON COLUMN salesops.next_action.currency IS 'ISO code of the amounts';
COMMENT ON COLUMN salesops.next_action.uplift IS 'How much more often past deals without the signal were won, 0.1 = 10 points; NULL = the past does not tell';
COMMENT ON COLUMN salesops.next_action.expected_value IS 'amount x uplift in currency; NULL = not known';
COMMENT ON COLUMN salesops.next_action.no_value_because IS 'Why it is not known; NULL = it is';
COMMENT ON COLUMN salesops.next_action.weight IS 'Weight it was ranked with';
COMMENT ON COLUMN salesops.next_action.score IS 'Score of the account, of a deal that of its account; NULL = none';
COMMENT ON COLUMN salesops.next_action.run_id IS 'Run that kept it; negative = by hand';
SELECT pg_catalog.pg_extension_config_dump('salesops.next_action', '');
SELECT pg_catalog.pg_extension_config_dump('salesops.next_action_action_id_seq', '');
COMMENT ON SEQUENCE salesops.next_action_action_id_seq IS 'Numbers of actions';
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON salesops.next_action
  FOR EACH STATEMENT EXECUTE FUNCTION salesops.refuse_change('keep_actions() adds the next ones.');
COMMENT ON TRIGGER append_only ON salesops.next_action IS 'what a rep was asked to do must stay known';

CREATE TABLE salesops.next_action_end (
  action_id bigint PRIMARY KEY REFERENCES salesops.next_action,
  ended_at  timestamptz NOT NULL,
  reason    text NOT NULL CHECK (reason IN ('no longer true', 'won', 'lost', 'gone', 'another owner', 'owner not active', 'rule changed'))
);
COMMENT ON TABLE salesops.next_action_end IS 'Actions whose reason is gone, whatever was said of them, append-only; written by keep_actions()';
COMMENT ON COLUMN salesops.next_action_end.action_id IS 'Action';
COMMENT ON COLUMN salesops.next_action_end.ended_at IS 'Instant of the night that no longer saw it';
COMMENT ON COLUMN salesops.next_action_end.reason IS 'no longer true, won, lost, gone (deleted or merged), another owner, owner not active, rule changed (off, or its conditions)';
SELECT pg_catalog.pg_extension_config_dump('salesops.next_action_end', '');
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON salesops.next_action_end
  FOR EACH STATEMENT EXECUTE FUNCTION salesops.refuse_change('keep_actions() adds what has ended.');
COMMENT ON TRIGGER append_only ON salesops.next_action_end IS 'whether an action helped must stay known';

CREATE TABLE salesops.action_feedback (
  action_id   bigint NOT NULL REFERENCES salesops.next_action,
  given_at    timestamptz NOT NULL,
  feedback    text NOT NULL CHECK (feedback IN ('done', 'useless')),
  note        text CHECK (note <> ''),
  given_by    text NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT salesops.clock(),
  role_name   text NOT NULL DEFAULT CURRENT_USER,
  login_name  text NOT NULL DEFAULT SESSION_USER,
  PRIMARY KEY (action_id, given_at)
);
COMMENT ON TABLE salesops.action_feedback IS 'What reps said of actions, append-only; written by record_feedback(), the last one counts';
COMMENT ON COLUMN salesops.action_feedback.action_id IS 'Action';
COMMENT ON COLUMN salesops.action_feedback.given_at IS 'When it was said';
COMMENT ON COLUMN salesops.action_feedback.feedback IS 'done or useless';
COMMENT ON COLUMN salesops.action_feedback.note IS 'What else was said; NULL = nothing';
COMMENT ON COLUMN salesops.action_feedback.given_by IS 'Who said it';
COMMENT ON COLUMN salesops.action_feedback.recorded_at IS 'When it was recorded';
COMMENT ON COLUMN salesops.action_feedback.role_name IS 'Role that recorded it';
COMMENT ON COLUMN salesops.action_feedback.login_name IS 'Role that had logged in';
SELECT pg_catalog.pg_extension_config_dump('salesops.action_feedback', '');
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON salesops.action_feedback
  FOR EACH STATEMENT EXECUTE FUNCTION salesops.refuse_change('Call salesops.record_feedback() again: the last one counts.');
COMMENT ON TRIGGER append_only ON salesops.action_feedback IS 'who said what of an action must stay known';
