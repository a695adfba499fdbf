#!/bin/sh
# Creates the two databases of Temporal and brings their schemas up to date. Every step can be repeated.
# The tool itself reads the password from SQL_PASSWORD.
set -eu

for pair in temporal:temporal temporal_visibility:visibility; do
  database=${pair%%:*}
  schema=/etc/temporal/schema/postgresql/v12/${pair##*:}/versioned
  for step in "create" "setup-schema --version 0.0" "update-schema --schema-dir $schema"; do
    # shellcheck disable=SC2086 # a step is a command and its options
    temporal-sql-tool --plugin postgres12 --endpoint postgres --port 5432 --user temporal --database "$database" $step
  done
done
