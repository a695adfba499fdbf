#!/bin/sh
# Creates the namespace as soon as the server answers, and the search attributes by which workflows are found. What exists
# is left as it is. Reads TEMPORAL_ADDRESS.
set -eu

for _ in $(seq 60); do
  if temporal operator namespace describe --namespace "$TEMPORAL_NAMESPACE" >/dev/null 2>&1; then
    for name in UpwardOrganization UpwardCycle UpwardStage; do
      temporal operator search-attribute create --namespace "$TEMPORAL_NAMESPACE" --name "$name" --type Keyword || true
    done
    exit 0
  fi
  temporal operator namespace create --namespace "$TEMPORAL_NAMESPACE" --retention 90d || true
  sleep 2
done
echo "Temporal did not answer in two minutes." >&2
exit 1
