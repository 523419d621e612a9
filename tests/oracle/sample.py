#!/usr/bin/env python3
"""Draw a sample, or name a snapshot, straight from the design page.

    sample.py --start YYYYMMDD --end YYYYMMDD [-n N] [--recent R] [--window W]
              (--seed TEXT | --name NAME) [--keys] [FILE...]
    sample.py --snapshot-id PREV [FILE...]     PREV: 64 hex digits, or - for none
    sample.py --digests [FILE...]
    sample.py --selftest

Standard library only; it shares nothing with the C code it is compared with.

A line of input is `<unix time> TAB <record>` or a record, whose time is then its
created_at (or --now when it has none). A line ends with a line feed, nothing
else; every other byte belongs to the record. A record seen before is dropped,
the first time it came with stays.

Where the page leaves room: a fraction of a second is cut off (floor), a time
given as a date alone is its first second for --start and its last for --end,
and a rank is compared as the unsigned 64-bit number that SipHash's authors
write (little-endian bytes).
"""
import argparse
import hashlib
import json
import math
import re
import struct
import sys
from datetime import datetime
from fractions import Fraction

M64 = (1 << 64) - 1
EPOCH = datetime(1970, 1, 1)
RFC3339 = re.compile(r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.\d+)?"
                     r"(?:[Zz]|([+-])(\d\d):(\d\d))\Z", re.ASCII)
UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def siphash24(key, data):
    """SipHash-2-4 of data under a 16-byte key, as an integer."""
    k0, k1 = struct.unpack("<QQ", key)
    v0, v1, v2, v3 = (k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d,
                      k0 ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573)

    def rotl(x, b):
        return (x << b | x >> (64 - b)) & M64

    def rounds(n):
        nonlocal v0, v1, v2, v3
        for _ in range(n):
            v0 = (v0 + v1) & M64
            v1 = rotl(v1, 13) ^ v0
            v0 = rotl(v0, 32)
            v2 = (v2 + v3) & M64
            v3 = rotl(v3, 16) ^ v2
            v0 = (v0 + v3) & M64
            v3 = rotl(v3, 21) ^ v0
            v2 = (v2 + v1) & M64
            v1 = rotl(v1, 17) ^ v2
            v2 = rotl(v2, 32)

    padded = data + bytes(7 - len(data) % 8) + bytes([len(data) & 0xff])
    for (word,) in struct.iter_unpack("<Q", padded):
        v3 ^= word
        rounds(2)
        v0 ^= word
    v2 ^= 0xff
    rounds(4)
    return v0 ^ v1 ^ v2 ^ v3


def parse_rfc3339(text):
    m = RFC3339.match(text)
    if not m:
        raise ValueError(f"not an RFC 3339 time: {text!r}")
    year, month, day, hour, minute, second = map(int, m.groups()[:6])
    if hour > 23 or minute > 59 or second > 60:
        raise ValueError(f"not an RFC 3339 time: {text!r}")
    t = (datetime(year, month, day) - EPOCH).days * 86400 + hour * 3600 + minute * 60 + second
    if m[7]:
        offset = int(m[8]) * 3600 + int(m[9]) * 60
        t -= offset if m[7] == "+" else -offset
    return t


def parse_bound(text, last):
    """A date, an RFC 3339 time or Unix seconds."""
    if re.fullmatch(r"\d{8}", text, re.ASCII):
        day = datetime.strptime(text, "%Y%m%d") - EPOCH
        return day.days * 86400 + (86399 if last else 0)
    if re.fullmatch(r"-?\d+", text, re.ASCII):
        return int(text)
    return parse_rfc3339(text)


def parse_span(text):
    m = re.fullmatch(r"(\d+)([smhd]?)", text, re.ASCII)
    if not m:
        raise ValueError(f"not a span of time: {text!r}")
    return int(m[1]) * UNITS[m[2]]


def record_time(raw, now):
    value = json.loads(raw, parse_float=Fraction).get("created_at")
    if value is None:
        if now is None:
            raise ValueError("no created_at, and no --now")
        return now
    if isinstance(value, str):
        return parse_rfc3339(value)
    return math.floor(value)


def read(files, now):
    """[(digest, time, bytes)] of the distinct records, in input order."""
    seen = {}
    for name in files or ["-"]:
        with (sys.stdin.buffer if name == "-" else open(name, "rb")) as f:
            data = f.read()
        for number, line in enumerate(data.split(b"\n"), 1):
            if not line:
                continue
            m = re.match(rb"(-?\d+)\t", line)
            raw = line[m.end():] if m else line
            try:
                t = int(m[1]) if m else record_time(raw, now)
            except (ValueError, AttributeError) as e:
                sys.exit(f"sample.py: {name}: line {number}: {e}")
            seen.setdefault(hashlib.sha256(raw).digest(), (t, raw))
    return [(digest, t, raw) for digest, (t, raw) in seen.items()]


def sample(records, start, end, n, recent, window, seed):
    """Records in sample order, as (rank, digest, time, bytes)."""
    key = hashlib.sha256(seed.encode()).digest()[:16]
    edge = end - window
    new, old = [], []
    for digest, t, raw in records:
        if start <= t <= end:
            side = new if t > edge else old
            side.append((siphash24(key, digest[:8]), digest, t, raw))
    new.sort()
    old.sort()
    want_new = math.floor(n * Fraction(recent))
    take_new = min(len(new), want_new)
    take_old = min(len(old), n - take_new)
    take_new = min(len(new), n - take_old)
    return sorted(new[:take_new] + old[:take_old])


def snapshot_id(previous, records):
    batch = hashlib.sha256()
    for digest, t, _ in sorted(records):
        batch.update(digest + struct.pack("<q", t))
    return hashlib.sha256(previous + batch.digest()).hexdigest()


def selftest():
    key = bytes(range(16))
    # The example in the SipHash paper, and the first of the authors' vectors.
    assert siphash24(key, bytes(range(15))) == 0xa129ca6149be45e5
    for length, value in enumerate(("310e0edd47db6f72", "fd67dc93c539f874", "5a4fa9d909806c0d",
                                    "2d7efbd796666785", "b7877127e09427cf", "8da699cd64557618",
                                    "cee3fe586e46c9cb", "37d1018bf50002ab", "6224939a79f5f593")):
        assert siphash24(key, bytes(range(length))).to_bytes(8, "little").hex() == value
    assert parse_rfc3339("2025-01-18T22:00:00Z") == 1737237600
    assert parse_rfc3339("2025-01-18T23:30:00.9+01:30") == 1737237600
    assert parse_bound("20250118", True) == 1737244799

    def rec(t, i):
        raw = b"%d" % i
        return hashlib.sha256(raw).digest(), t, raw

    def times(start, end, n, recent, window, rs):
        return sorted(t for _, _, t, _ in sample(rs, start, end, n, recent, window, "s"))

    rs = [rec(t, t) for t in range(100)]
    # The edge itself is old; both ends belong.
    assert [t > 80 for t in times(10, 90, 81, "0", 10, rs)].count(True) == 10
    assert len(times(10, 90, 1000, "0.5", 10, rs)) == 81
    assert sum(t > 80 for t in times(10, 90, 10, "0.59", 10, rs)) == 5
    # 50 * 0.58 is 28.999... in binary, and 29 in decimal.
    assert sum(t > 49 for t in times(0, 99, 50, "0.58", 50, rs)) == 29
    # A shortfall on either side is filled from the other.
    assert sum(t > 80 for t in times(10, 90, 40, "0.5", 10, rs)) == 10
    assert len(times(10, 90, 40, "0.5", 10, rs)) == 40
    assert len(times(10, 90, 40, "0.5", 75, rs)) == 40
    # A window longer than the range leaves no old side.
    assert len(times(10, 90, 40, "0", 1000, rs)) == 40
    print("ok")


def main():
    ap = argparse.ArgumentParser(description=__doc__,
                                 formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("files", nargs="*", metavar="FILE")
    ap.add_argument("--start")
    ap.add_argument("--end")
    ap.add_argument("-n", type=int, default=4096)
    ap.add_argument("--recent", default="0.5", help="a decimal, taken exactly")
    ap.add_argument("--window", type=parse_span, default=parse_span("48h"))
    ap.add_argument("--seed", help="text")
    ap.add_argument("--name", help="the dataset's name, for the default seed NAME/END")
    ap.add_argument("--now", type=int, help="Unix time of records without created_at")
    ap.add_argument("--keys", action="store_true",
                    help="print rank, digest and time before each record")
    ap.add_argument("--snapshot-id", metavar="PREV")
    ap.add_argument("--digests", action="store_true", help="print digest and time of each record")
    ap.add_argument("--selftest", action="store_true")
    args = ap.parse_args()

    if args.selftest:
        return selftest()
    out = sys.stdout.buffer
    if args.snapshot_id is None and not args.digests:
        if args.start is None or args.end is None or (args.seed is None and args.name is None):
            ap.error("a sample needs --start, --end and --seed or --name")
        try:
            bounds = parse_bound(args.start, False), parse_bound(args.end, True)
        except ValueError as e:
            ap.error(str(e))
    records = read(args.files, args.now)
    if args.snapshot_id is not None:
        previous = bytes(32) if args.snapshot_id == "-" else bytes.fromhex(args.snapshot_id)
        print(snapshot_id(previous, records))
    elif args.digests:
        for digest, t, _ in records:
            print(digest.hex(), t)
    else:
        seed = f"{args.name}/{args.end}" if args.seed is None else args.seed
        for rank, digest, t, raw in sample(records, *bounds, args.n, args.recent,
                                           args.window, seed):
            if args.keys:
                out.write(b"%016x %s %d " % (rank, digest.hex().encode(), t))
            out.write(raw + b"\n")
    return None


if __name__ == "__main__":
    main()
