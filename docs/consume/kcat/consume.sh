#!/bin/sh
# Prints probe.metrics.enriched with kcat: sh consume.sh
# As JSON where kcat is built with Avro (its container image, Homebrew). Debian's and Ubuntu's package is
# not: there a line has a record's partition, offset, time, key and size, and its value has to be decoded elsewhere.
set -eu
brokers=${KAFKA_BROKERS:-localhost:9092}
registry=${SCHEMA_REGISTRY_URL:-http://localhost:8081/apis/ccompat/v7}

# A look without a group, from the first record that is kept; committed records only.
set -- -C -q -b "$brokers" -t "${TOPIC:-probe.metrics.enriched}" -o beginning \
  -X isolation.level=read_committed
# After so many records, or at the end of the topic; without either it waits for more.
[ "${MAX_RECORDS:-0}" = 0 ] || set -- "$@" -c "$MAX_RECORDS"
[ "${IDLE_SECONDS:-0}" = 0 ] || set -- "$@" -e

if kcat -V | grep -qi avro; then
  exec kcat "$@" -s value=avro -r "$registry" # Times stay microseconds since 1970.
fi
exec kcat "$@" -f '%p %o %T %k %S\n'
