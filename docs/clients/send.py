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

RETRYABLE = {408, 409, 429}


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


def send(url, body, max_attempts=10):
    """Returns whether all events are accepted."""
    batch_id = str(uuid.uuid4())  # One for all attempts.
    pause = 1.0
    for _ in range(max_attempts):
        answer = post(url, body, batch_id)
        after = None
        if answer is not None:
            status, headers, text = answer
            after = headers.get("Retry-After")
            if status == 202:
                data = json.loads(text)
                for result in data["results"]:
                    print(json.dumps(result))
                # If there are events to retry: of the same batch the gateway writes only those.
                if data["data"]["retry"] == 0:
                    return data["data"]["rejected"] == 0
            elif status not in RETRYABLE and status < 500:
                print(text.decode(), file=sys.stderr)
                return False
        # With jitter, so that many probes do not all retry at the same moment.
        time.sleep(float(after) if after else pause * random.uniform(0.5, 1))
        pause = min(60.0, pause * 2)
    print(f"gave up after {max_attempts} attempts", file=sys.stderr)
    return False


if __name__ == "__main__":
    sys.exit(0 if send(sys.argv[1], sys.stdin.buffer.read()) else 1)
