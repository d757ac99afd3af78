#!/bin/sh
# Sends the events on standard input, one JSON object a line: sh send.sh http://127.0.0.1:8000 < events
set -eu
url=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/events"

# One id for all attempts.
batch=$(cat /proc/sys/kernel/random/uuid 2> /dev/null || uuidgen)
pause=1
attempts=0
while [ "$attempts" -lt 10 ]; do
  attempts=$((attempts + 1))
  status=$(curl -sS -m 60 -o "$folder/answer" -D "$folder/headers" -w '%{http_code}' \
    -H "X-Batch-ID: $batch" \
    -H 'Content-Type: application/x-ndjson' \
    ${FIBER_TOKEN:+-H "Authorization: Bearer $FIBER_TOKEN"} \
    --data-binary "@$folder/events" "$url/api/ingest") || status=000

  case $status in
    202)
      cat "$folder/answer"
      echo
      # If there are events to retry: of the same batch the gateway writes only those.
      if grep -q '"retry":0' "$folder/answer"; then
        grep -q '"rejected":0' "$folder/answer"
        exit
      fi
      ;;
    000 | 408 | 409 | 429 | 5??) ;;
    *)
      cat "$folder/answer" >&2
      exit 1
      ;;
  esac

  # After a broken connection the file has the headers of an earlier answer.
  after=
  [ "$status" = 000 ] || after=$(sed -n 's/^[Rr]etry-[Aa]fter: *\([0-9]*\).*/\1/p' "$folder/headers")
  sleep "${after:-$pause}"
  pause=$((pause < 60 ? pause * 2 : 60))
done
echo "gave up after $attempts attempts" >&2
exit 1
