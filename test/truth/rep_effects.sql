-- What reps do to a deal's chances, in 25 worlds of each kind: see test/pgtap/forecast/win_truth.sql, which every make check runs in five.
\setenv SALESOPS_TEST_WORLDS 25
\pset tuples_only on
\ir ../pgtap/forecast/win_truth.sql
