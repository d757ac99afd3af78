"""Sends the events on standard input, one JSON object a line: python3 send.py http://127.0.0.1:8000 < events"""

import http.client
import json
import os
import random
import sys
import time
import urllib.error
import urllib.request
import uuid

AGAIN = {408, 409, 429}


def post(url, body, batch_id):
    """Returns status, headers and body of the answer, or None when there is none."""
    headers = {"Content-Type": "application/x-ndjson", "X-Batch-ID": batch_id}
    if "FIBER_TOKEN" in os.environ:
        headers["Authorization"] = "Bearer " + os.environ["FIBER_TOKEN"]
    request = urllib.request.Request(url + "/api/ingest", body, headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()
    except (OSError, http.client.HTTPException):
        return None


def send(url, body, most_tries=10):
    """Returns whether all events are in."""
    batch_id = str(uuid.uuid4())  # One for all tries.
    pause = 1.0
    for _ in range(most_tries):
        answer = post(url, body, batch_id)
        after = None
        if answer is not None:
            status, headers, text = answer
            after = headers.get("Retry-After")
            if status == 202:
                data = json.loads(text)
                for result in data["results"]:
                    print(json.dumps(result))
                # Events to retry: the same batch again brings in only those.
                if data["data"]["retry"] == 0:
                    return data["data"]["rejected"] == 0
            elif status not in AGAIN and status < 500:
                print(text.decode(), file=sys.stderr)
                return False
        # Some jitter, so that many probes do not come back at the same moment.
        time.sleep(float(after) if after else pause * random.uniform(0.5, 1))
        pause = min(60.0, pause * 2)
    print(f"gave up after {most_tries} tries", file=sys.stderr)
    return False


if __name__ == "__main__":
    sys.exit(0 if send(sys.argv[1], sys.stdin.buffer.read()) else 1)
