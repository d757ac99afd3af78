"""Values of formats that JSON Schema does not know, and which refusals of a valid request are right."""

import datetime
import zlib

import schemathesis
from hypothesis import strategies as st
from schemathesis.generation import GenerationMode

times = st.one_of(
    st.datetimes(
        min_value=datetime.datetime(1970, 1, 2), max_value=datetime.datetime(2199, 1, 1)
    ).map(lambda time: time.isoformat(timespec="microseconds") + "Z"),
    st.dates(min_value=datetime.date(1970, 1, 2), max_value=datetime.date(2199, 1, 1)).map(str),
    st.tuples(st.integers(0, 200), st.sampled_from("smhd")).map(lambda age: f"-{age[0]}{age[1]}"),
)
schemathesis.openapi.format("time-or-age", times)
schemathesis.openapi.format(
    "condition",
    st.sampled_from(
        [
            "latency_ms > 11",
            'country = "GH" and not (packet_loss >= 50)',
            "lower(node_id) in ['probe-1', 'x']",
            "metadata = null or -timestamp < 0",
        ]
    ),
)
# Only the console can make one: of any other it says so.
schemathesis.openapi.format("cursor", st.text("abcdefghij-_0123456789", min_size=1, max_size=60))


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """
    Writes tuples of answers as lists of any of their items: the fuzzer would turn `prefixItems` into a form that it then
    says is invalid in OpenAPI 3.1.
    """

    def rewrite(node):
        if isinstance(node, list):
            for item in node:
                rewrite(item)
        if isinstance(node, dict):
            if "prefixItems" in node:
                node["items"] = {"anyOf": node.pop("prefixItems")}
            for value in node.values():
                rewrite(value)

    rewrite(raw_schema["components"])


@schemathesis.hook
def before_call(context, case, kwargs):
    """Asks for what the database has in half of the valid requests: random ids and ranges find nothing."""
    if case.meta is None or case.meta.generation.mode != GenerationMode.POSITIVE:
        return
    if zlib.crc32(repr((case.path_parameters, case.query, case.body)).encode()) % 2 == 0:
        return
    for given in (case.path_parameters or {}, case.query or {}):
        for name in ("node", "node_id"):
            if name in given:
                given[name] = "probe-1"
    query = case.query or {}
    for begin, end in (("from", "to"), ("start_time", "end_time")):
        if begin in query and not case.path.endswith("/quality"):
            query[begin] = "-3h"
            if end in query:
                query[end] = "-1m"


# What a schema cannot say: rules between parameters, and what only the database knows.
RIGHT = {
    "INVALID_CONDITION",
    "INVALID_CURSOR",
    "TOO_MANY_POINTS",
    "WINDOW_TOO_LARGE",
    "NO_SUCH_NODE",
    "NO_SUCH_EVENT",
    "NO_SUCH_LETTER",
    "NO_SUCH_JOB",
    "JOB_FINISHED",
    "TOO_MANY_JOBS",
    "NODE_EXISTS",
    "REVISION_CHANGED",
    "WRONG_CREDENTIALS",
    "SIGN_IN_FAILED",
    "TOO_MANY_TRIES",
    "ORIGIN_NOT_ALLOWED",
}
# The same, of refusals whose code is used for what a schema can say, too.
RIGHT_DETAILS = (
    "to: must be after from",
    "compare: ",
    "from: must be between 1970 and 2200",
    "to: must be between 1970 and 2200",
    ": must have either filter or letters",
    # The fuzzer has a reader key: of routes for people only their refusals are looked at.
    "no reader key has the permission ",
    "this is for people who have signed in",
)


@schemathesis.check
def valid_request_is_answered(ctx, response, case):
    """Fails if a request that the document allows is refused for another reason."""
    if case.meta is None or case.meta.generation.mode != GenerationMode.POSITIVE:
        return
    if response.status_code < 400:
        return
    problem = response.json()
    if problem["code"] in RIGHT or problem["detail"].startswith(RIGHT_DETAILS):
        return
    raise AssertionError(f"{response.status_code} {problem['code']}: {problem['detail']}")
