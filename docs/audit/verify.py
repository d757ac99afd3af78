#!/usr/bin/env python3
"""Verifies the audit log without FiberStream's code: the standard library of Python is enough.

    npm run fiber -- audit export --output audit.ndjson
    python3 docs/audit/verify.py audit.ndjson [--from SEQ] [SEQ:HASH ...]

Each SEQ:HASH is an entry's number and hash that you have kept elsewhere, for example from an earlier run. Only they show that the
log was cut at its end or built again as a whole. A file that begins behind entry 1 needs --from with its first number: what is before
it is trusted, and not verified. The exit code is 0 if all is right, 1 if an entry is wrong, 2 if the file cannot
be read. The rules are in docs/audit.md.
"""

import decimal
import hashlib
import json
import re
import sys

VERSION = 1
NO_HASH = "00" * 32


def number(value):
    """Returns a number as RFC 8785 writes it."""
    if isinstance(value, int) or value == int(value):
        return str(int(value))
    if abs(value) >= 1e-6:
        return format(decimal.Decimal(repr(value)), "f")
    return re.sub(r"e-0+", "e-", repr(value))


def canonical(value):
    """Returns JSON as RFC 8785 writes it; members are sorted by their UTF-16."""
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: name.encode("utf-16-be", "surrogatepass"))
        members = (canonical(name) + ":" + canonical(value[name]) for name in names)
        return "{" + ",".join(members) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return number(value)
    return json.dumps(value, ensure_ascii=False)


def wrong_in(line, last_seq, last_hash):
    """Returns the guard that an entry does not pass, and why; None if it is right."""
    seq, entry = line["seq"], line["entry"]
    if seq != last_seq + 1:
        return "sequence", f"entry {last_seq + 1} is missing"
    if line["prev_hash"] != last_hash:
        return "chain", f"its prev_hash is not the hash of entry {last_seq}"
    digest = hashlib.sha256(b"\0" + bytes.fromhex(last_hash) + entry.encode()).hexdigest()
    if line["hash"] != digest:
        return "bytes", "its hash is not that of its bytes"
    try:
        said = json.loads(entry)
        if not isinstance(said, dict) or canonical(said) != entry:
            raise ValueError("not canonical")
    except (ValueError, OverflowError):
        return "bytes", "it is not JSON as RFC 8785 writes it"
    if canonical({"v": VERSION, **line["columns"]}) != entry:
        return "columns", "its columns do not say what its bytes say"
    return None


def main():
    path, *kept = sys.argv[1:]
    begin = 1
    if kept[:1] == ["--from"]:
        begin, kept = int(kept[1]), kept[2:]
    known = {int(seq): value for seq, value in (pair.split(":") for pair in kept)}
    seq, last, count, latest = begin - 1, NO_HASH, 0, ""
    with open(path, encoding="utf-8") as file:
        for text in file:
            line = json.loads(text)
            if count == 0 and line["seq"] == begin > 1:
                # The caller has said so: the entry before it is trusted.
                last = line["prev_hash"]
            wrong = wrong_in(line, seq, last)
            if wrong is None and known.pop(line["seq"], line["hash"]) != line["hash"]:
                wrong = "kept hash", "its hash is not the one that was kept"
            if wrong is not None:
                print(f"entry {line['seq']} is wrong, by the guard {wrong[0]}: {wrong[1]}")
                return 1
            at = line["columns"]["at"]
            if at < latest:
                print(f"note: entry {line['seq']} is of {at}, before the entry before it: the clock was turned back")
            seq, last, count, latest = line["seq"], line["hash"], count + 1, at
    if known:
        print(f"entry {min(known)} is wrong, by the guard kept hash: the log ends before it")
        return 1
    if count == 0:
        print(f"entry {begin} is wrong, by the guard sequence: there is no entry")
        return 1
    trusted = "" if begin == 1 else f", from {begin} (entry {begin - 1} before it is trusted)"
    print(f"{count} entries are right{trusted}, up to {seq}, whose hash is {last}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        print(f"the file cannot be verified: {error!r}", file=sys.stderr)
        sys.exit(2)
