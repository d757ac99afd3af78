"""Rules for valid events that the document's JSON Schema cannot express."""

import datetime
import uuid

import schemathesis
from hypothesis import strategies as st

NOW = datetime.datetime.now(datetime.timezone.utc)

# The gateway takes the last 7 days; a day less, so that a slow run does not leave them.
recent = st.datetimes(
    min_value=(NOW - datetime.timedelta(days=6)).replace(tzinfo=None),
    max_value=NOW.replace(tzinfo=None),
).map(lambda time: time.isoformat(timespec="microseconds") + "Z")

schemathesis.openapi.format("date-time", recent)


# The first field of an event must be at most the second one.
BOUNDED = [("received", "sent"), ("rtt_min_ms", "rtt_max_ms")]


def ordered(event):
    """Swaps values that are in the wrong order. A value that breaks its own rule still does."""
    if not isinstance(event, dict):
        return event
    for lower, upper in BOUNDED:
        values = [event.get(lower), event.get(upper)]
        if all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values):
            event[lower], event[upper] = sorted(values)
    return event


def ordered_events(body):
    """Orders the values of a body's events, in each of the forms that a batch may have."""
    if isinstance(body, list):
        return [ordered(event) for event in body]
    if isinstance(body, dict) and isinstance(body.get("metrics"), list):
        return {**body, "metrics": [ordered(event) for event in body["metrics"]]}
    return ordered(body)


@schemathesis.hook
def before_call(context, case, kwargs):
    """
    Orders the events of generated and of systematic cases. Gives each batch its own id: the fuzzer often repeats a UUID,
    and the gateway rejects a repeated one.
    """
    case.body = ordered_events(case.body)
    headers = case.headers or {}
    try:
        uuid.UUID(headers.get("X-Batch-ID", ""))
    except ValueError:
        return
    headers["X-Batch-ID"] = str(uuid.uuid4())
