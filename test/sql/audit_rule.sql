-- What a user sees who adds rules: the default ones, the columns, and messages that say what to do.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS salesops;
\set SHOW_CONTEXT never
SELECT name, object_kind, bound, severity, targets FROM salesops.default_rules();
SELECT name, type FROM salesops.audit_columns() WHERE meaning IS NULL;
SELECT name, type FROM salesops.audit_columns('source');
SELECT salesops.add_rule('r', 'true, false');
SELECT salesops.add_rule('r', 'amout > 1');
SELECT salesops.add_rule('r', 'amount > ');
SELECT salesops.add_rule('r', 'amount > {bound}');
SELECT salesops.add_rule('r', 'amount');
SELECT salesops.add_rule('r', 'true', object_kind => 'account');
SELECT salesops.add_rule('missing_amount', 'true');
SELECT salesops.change_rule('no_such_rule', severity => 'info');
