#!/bin/sh
# Runs once, when the Postgres volume is new: a role of Temporal's own, which sees none of Upward's tables.
set -eu

psql --set ON_ERROR_STOP=1 --set password="$TEMPORAL_DATABASE_PASSWORD" --username "$POSTGRES_USER" --dbname postgres <<'SQL'
create role temporal login createdb password :'password';
revoke connect on database upward from public;
SQL
