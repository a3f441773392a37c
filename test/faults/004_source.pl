# A source whose tables go away, change or are locked while the night reads it.
#
# What is not there tonight is read tomorrow. So the twin is a server to which that table came a night later: then everything
# must be equal, except what tells of the fault.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../helper";
use Test::More;
use Twins;

my $twins = Twins->new('source');
$twins->schedule("lock_limit => '1 s'");

# That a source could not be read is a finding of its own; and rules about a source apply to what was read of it.
$twins->leaves_trace(map { $_ => '\m(source_unreadable|duplicate_ids|missing_ids)\M' }
	  qw(finding audit_tally data_quality_mat data_quality_finding_mat));

# ... and the audits of such a night and of the next one count other findings.
my %trace = (audit_log => '^\("%s');

# One table of the source. More arguments:
#   entity     what is read from the table
#   strike     what is done to it while the night is at its sync, before it is read: code that may return a session to end afterwards
#   restore    SQL that makes it good again, before the next night
#   sqlstate   with which the entity fails
sub table_fault
{
	my ($fault, $table, %case) = @_;

	$twins->next_day;
	$twins->twin->safe_psql('sales', "SELECT nights.keep_yesterday('$table')");
	$twins->live_both($twins->a_day);
	$twins->twin->safe_psql('sales', "SELECT nights.put_off('$table')");
	my $gate = $twins->close_gate('sync');
	$twins->fall_night;
	$twins->wait_at_gate('sync');
	my $session = $case{strike}->();
	$twins->open_gate($gate);
	$twins->wait_for_end('succeeded');
	$session->quit if ref $session;

	my $as_of = ($twins->instants)[-1];
	is($twins->story, undisturbed(), "$fault: the night goes on without it");
	is($twins->sql("SELECT entity, sqlstate FROM salesops.source_sync WHERE as_of = '$as_of' AND sqlstate IS NOT NULL"),
		"$case{entity}|$case{sqlstate}", '... its failure is recorded');
	is($twins->sql("SELECT message FROM salesops.run_step_log WHERE step = 'sync' ORDER BY run_id DESC LIMIT 1"),
		"1 of 9 entities could not be read: crm.$case{entity}", '... and said in the log of the step');
	is($twins->sql("SELECT count(*) FROM salesops.finding WHERE rule = 'source_unreadable' AND first_seen_at = '$as_of' AND resolved_at IS NULL"), 1,
		'... and is a finding');
	$twins->twin_follows;
	$twins->leaves_trace_tonight(%trace, source_sync => qq{^\\(crm,$case{entity},"%s});

	$twins->next_day;
	$twins->sql($case{restore});
	$twins->twin->safe_psql('sales', "SELECT nights.make_up('$table')");
	$twins->live_both($twins->a_day);
	$twins->fall_night;
	$twins->wait_for_end('succeeded');
	is($twins->story, undisturbed(), '... the next night is as any');
	$twins->twin_follows;
	$twins->leaves_trace_tonight(%trace);
	$twins->compare($fault, $fault, happened => "its entity fails with $case{sqlstate} and keeps its rows; the others are read; a finding says so",
		healed_by => 'the next night that finds it');
}

table_fault('source table dropped', 'opportunity', entity => 'opportunity', sqlstate => '42P01',
	strike => sub { $twins->sql('CREATE TABLE nights.kept AS TABLE crm_demo.opportunity; DROP TABLE crm_demo.opportunity') },
	restore => 'CREATE TABLE crm_demo.opportunity AS TABLE nights.kept; DROP TABLE nights.kept');
table_fault('source table renamed', 'opportunity_contact_role', entity => 'contact_role', sqlstate => '42P01',
	strike => sub { $twins->sql('ALTER TABLE crm_demo.opportunity_contact_role RENAME TO put_aside') },
	restore => 'ALTER TABLE crm_demo.put_aside RENAME TO opportunity_contact_role');
table_fault('source column renamed', 'opportunity_contact_role', entity => 'contact_role', sqlstate => '42703',
	strike => sub { $twins->sql('ALTER TABLE crm_demo.opportunity_contact_role RENAME opportunity_id TO put_aside') },
	restore => 'ALTER TABLE crm_demo.opportunity_contact_role RENAME put_aside TO opportunity_id');
table_fault('source table emptied', 'opportunity', entity => 'opportunity', sqlstate => '55000',
	strike => sub { $twins->sql('CREATE TABLE nights.kept AS TABLE crm_demo.opportunity; TRUNCATE crm_demo.opportunity') },
	restore => 'INSERT INTO crm_demo.opportunity TABLE nights.kept; DROP TABLE nights.kept');
table_fault('source table locked for longer than the limit', 'opportunity', entity => 'opportunity', sqlstate => '55P03',
	strike => sub { $twins->hold('LOCK TABLE crm_demo.opportunity') }, restore => 'SELECT');

# Another type is another spelling of the same values.
$twins->fault('source column retyped', sub {
	my $gate = $twins->close_gate('sync');
	$twins->fall_night;
	$twins->wait_at_gate('sync');
	$twins->sql('ALTER TABLE crm_demo.opportunity ALTER amount TYPE text USING amount::text');
	$twins->open_gate($gate);
}, story => undisturbed(), happened => 'its values are read as before', healed_by => 'nothing needs to');
$twins->sql('ALTER TABLE crm_demo.opportunity ALTER amount TYPE double precision USING amount::double precision');

# All of a source: the twin has the night before the day.
$twins->next_day;
$twins->sql($twins->a_day);
$twins->sql('ALTER SCHEMA crm_demo RENAME TO put_aside');
$twins->fall_night;
$twins->wait_for_end('succeeded');
like($twins->sql("SELECT message FROM salesops.run_step_log WHERE step = 'sync' ORDER BY run_id DESC LIMIT 1"),
	qr/^9 of 9 entities could not be read: crm\.account, /, 'source schema gone: said in the log of the step');
$twins->twin_follows;
$twins->leaves_trace_tonight(%trace, source_sync => '"%s');
$twins->twin->safe_psql('sales', $twins->a_day);
$twins->next_day;
$twins->sql('ALTER SCHEMA put_aside RENAME TO crm_demo');
$twins->live_both($twins->a_day);
$twins->fall_night;
$twins->wait_for_end('succeeded');
$twins->twin_follows;
$twins->leaves_trace_tonight(%trace);
$twins->compare('source schema gone', 'source schema gone',
	happened => 'every entity fails and keeps its rows; the other steps run on them; a finding says so',
	healed_by => 'the next night that finds it');

$twins->stop;
done_testing();
