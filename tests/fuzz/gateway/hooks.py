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


@schemathesis.hook
def before_call(context, case, kwargs):
    """Gives each batch its own id: the fuzzer often repeats a UUID, and the gateway rejects a repeated one."""
    headers = case.headers or {}
    try:
        uuid.UUID(headers.get("X-Batch-ID", ""))
    except ValueError:
        return
    headers["X-Batch-ID"] = str(uuid.uuid4())
