#!/bin/sh
# Creates a role for Temporal, which cannot see Upward's tables. Postgres runs this once, when its volume is new.
set -eu

psql --set ON_ERROR_STOP=1 --set password="$TEMPORAL_DATABASE_PASSWORD" --username "$POSTGRES_USER" --dbname postgres <<'SQL'
create role temporal login createdb password :'password';
revoke connect on database upward from public;
SQL
