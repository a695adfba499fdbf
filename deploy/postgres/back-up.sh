#!/bin/sh
# Dumps the databases of Temporal and then that of Upward, once a day, into /var/lib/postgresql, and deletes dumps that
# are older than BACKUP_DAYS. In this order the rows are never behind the workflows (docs/production.md). With the
# argument `once` it ends after one dump. A dump has its name only once it is whole.
set -eu

folder=${BACKUP_FOLDER:-/var/lib/postgresql}

back_up() {
  now=$(date -u +%Y-%m-%dT%H-%M-%SZ)
  for database in temporal temporal_visibility upward; do
    pg_dump --format=custom --file="$folder/.part" "$database" || return 1
    mv "$folder/.part" "$folder/$now-$database.dump"
  done
  find "$folder" -name '*.dump' -mtime "+$BACKUP_DAYS" -delete
  echo "backed up: $now"
}

if [ "${1:-}" = once ]; then
  back_up
  exit
fi
while true; do
  back_up || echo "The backup failed and is tried again in a quarter of an hour." >&2
  if [ -n "$(find "$folder" -name '*-upward.dump' -mmin -30)" ]; then sleep 86400; else sleep 900; fi
done
