#!/usr/bin/env python3
"""acc-merge on random records, against the reference and against the laws.

Each case is a set of nasty records in two files, a random choice of options
and a rules file. Checked byte for byte: the output is the reference's; any
order of the records, records given twice, work in parts, threads, memory
budget and pipes change nothing; and the journal's counts add up.

    laws.py [--seed N] [--runs N] [--only I] [--all]

The seed is printed first. A failing case is reduced, left in a directory and
described by the command that shows it. ACC_BIN names the directory of the
commands (default build/bin).
"""
import argparse
import gzip
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True
import reference  # noqa: E402

PARTNERS = ["Partner_A", "Partner_B", "Partner_C", "p", "P", "Zo\u00eb", "\u65e5\u672c",
            'q"uote', "back\\slash", "Partner_AA", "\U0001F3E8", ""]  # the empty name last: no list may hold it
IDS = ['"101"', "101", r'"10\u0031"', '"102"', "1.0", "1", '"1.0"', "1e2", "-5", '"a b"',
       '"\u00e9"', r'"\u00e9"', '"x\\"y"', '""', '"\U0001F600"', r'"\ud83d\ude00"', '"\uffff"',
       "123456789012345678901234567890", r'"\/"', '"/"', r'"\\"', '"~"', r'"\ud800"', r'"\uDFFF"', '"id-%d"' % 7]
IDS += ['"%s"' % ("k" * n) for n in (7, 8, 9, 16, 40)] + ['"kkkkkkkk\\u0000"', '"kkkkkkkkj"']
FIELDS = ["name", "lat", "lon", "tags", "rating", "info", "caf\u00e9", "a.b", "", 'q"']
FILES = ["a.jsonl", 'b "\u00e9\\.jsonl']
NUMBERS = ["0", "-0", "1", "1.0", "10e-1", "1.10", "-1", "2", "100", "1e2", "0.1",
           "12345678901234567890123", "12345678901234567890124", "1e400", "-1e400",
           "1e-400", "3.141592653589793238462643383279", "1E+2"]
STRINGS = ["", "x", "Hotel", "H\u00f4tel", "The Grand Budapest Hotel", "\U0001F600", "a/b",
           'q"q', "tab\there", "nul\u0000", "\u2028", "x" * 200]
TIMES = ['"2021-02-01T11:07:57.885Z"', '"2021-02-01T12:07:57.885+01:00"', '"2021-02-01"',
         '"2021-02-01T00:00:00Z"', '"2021-02-01T00:00:00-00:00"', "1612137600", "1612137600.0",
         "16121376e2", '"2020-02-29T23:59:59.999999999Z"', '"1969-12-31T23:59:59.5Z"', "-0.5",
         "0", "-1", '"1970-01-01"', '"2021-02-01T00:00:00.000000000000000001Z"',
         '"2021-02-01T00:00:00.0000000000000000014Z"', '"0001-01-01T00:00:00Z"',
         '"9999-12-31T23:59:59+23:59"', r'"2021\u002d02-01"', "1.7e9", '"2021-02-01t00:00:00z"',
         "1612137600000000001", "1612137600000000002"]
BAD_TIMES = ['"soon"', '"2021-02-29"', '"2021-13-01"', "true", "{}", '""', '"1612137600"',
             '"2021-02-01T24:00:00Z"', '"2021-02-01T00:00:00"', "null", "null"]
PROGRAMS = [".[0].value", "map(.value)|last", "map(.value|strings)|join(\", \")",
            "max_by(.rank).value", "map(.time)", "error(\"no\")", "empty", "length",
            "[.[].partner]", "map(.value)|unique", ".[-1]", ".[0].value|tonumber", "null",
            '"x","y"', "# why\n.[0].rank", "(.[0].value|.a),1", "map(.rank)|add"]
BAD_LINES = [b"nonsense", b"5", b'"text"', b"null", b'{"a" 1}', b'{"a":tru}', b"{}",
             b'{"partner_name":"p","accommodation_id":"1","accommodation_data":"x"}',
             b'{"partner_name":"p","accommodation_id":true,"accommodation_data":{}}',
             b'{"partner_name":1,"accommodation_id":"1","accommodation_data":{}}',
             b'{"partner":"p","accommodation_id":"1","accommodation_data":{}}',
             b'{"partner_name":"\xff","accommodation_id":"1","accommodation_data":{}}',
             b'{"partner_name":"\xed\xa0\x80","accommodation_id":"1","accommodation_data":{}}',
             b'{"partner_name":"p","accommodation_id":01,"accommodation_data":{}}',
             b'{"partner_name":"p","accommodation_id":"1","accommodation_data":{"x":1.}}',
             b'{"partner_name":"p","accommodation_id":"1","accommodation_data":{"x":"\t"}}',
             b'{"partner_name":"p","accommodation_id":"1","accommodation_data":{"x":"\\q"}}']


class Writer:
    """Random records as text."""

    def __init__(self, rng, wide):
        self.rng = rng
        self.spaced = rng.random() < 0.3
        self.fields = rng.sample(FIELDS, rng.randint(1, 6))
        self.most_fields = 5                        # of one record
        if wide:
            self.fields += ["f%d" % i for i in range(rng.choice([30, 31, 32, 63, 64, 65]))]
            self.most_fields = rng.choice([5, 70])
        self.partners = rng.sample(PARTNERS, rng.randint(1, 6))
        self.ids = rng.sample(IDS, rng.randint(1, 8))
        self.times = rng.sample(TIMES, rng.randint(1, 6))
        self.numbers = rng.sample(NUMBERS, rng.randint(1, 6))
        self.common = [self.value() for _ in range(rng.randint(2, 5))]
        self.agree = rng.choice([0, 0.5, 0.9])      # how often a value is one of the common ones

    def chance(self, p):
        return self.rng.random() < p

    def gap(self):
        return self.rng.choice([" ", "  ", "\t"]) if self.spaced and self.chance(0.3) else ""

    def string(self, text):
        """text as a JSON string, each character in a random spelling."""
        plain = json.dumps(text, ensure_ascii=False)
        if not self.chance(0.25):
            return plain
        out = []
        for char in text:
            if ord(char) < 0x20 or self.chance(0.3):
                units = char.encode("utf-16-be")
                digits = [units[i:i + 2].hex() for i in range(0, len(units), 2)]
                out.append("".join("\\u" + (d.upper() if self.chance(0.5) else d)
                                   for d in digits))
            elif char == "/" and self.chance(0.5):
                out.append("\\/")
            else:
                out.append(json.dumps(char, ensure_ascii=False)[1:-1])
        return '"%s"' % "".join(out)

    def object(self, members):
        parts = [self.gap() + key + self.gap() + ":" + self.gap() + value + self.gap()
                 for key, value in members]
        return "{%s}" % (",".join(parts) or self.gap())

    def array(self, elements):
        return "[%s]" % (",".join(self.gap() + e + self.gap() for e in elements) or self.gap())

    def value(self, depth=0):
        kind = self.rng.choice(["string", "string", "number", "number", "null", "word", "empty",
                                "array", "object", "object"])
        if kind == "string":
            return self.string(self.rng.choice(STRINGS))
        if kind == "number":
            return self.rng.choice(self.numbers)
        if kind == "null":
            return "null"
        if kind == "word":
            return self.rng.choice(["true", "false"])
        if kind == "empty" or depth > 3:
            return self.rng.choice(['""', "[]", "{}"] + ["[ ]", "{ }"] * self.spaced)
        count = self.rng.randint(0, 3)
        if kind == "array":
            return self.array([self.value(depth + 1) for _ in range(count)])
        return self.object([(self.string(self.rng.choice("abc")), self.value(depth + 1))
                            for _ in range(count)])

    def data(self):
        names = [self.rng.choice(self.fields) for _ in range(self.rng.randint(0, self.most_fields))]
        if not self.chance(0.1):
            names = list(dict.fromkeys(names))
        return self.object([(self.string(n), self.rng.choice(self.common) if self.chance(self.agree)
                             else self.value()) for n in names])

    def time(self):
        return self.rng.choice(BAD_TIMES if self.chance(0.15) else self.times)

    def source(self):
        members = [('"uri"', self.string(self.rng.choice(["s3://b/1", "s3://b/2", "\u00fc"]))),
                   ('"record"', self.rng.choice(["1", "2", "3", "10", "0", '"4"', "-1", "1.5"]))]
        if self.chance(0.2):
            members.pop(self.rng.randrange(2))
        if self.chance(0.8):
            members.append(('"time"', self.time()))
        if self.chance(0.1):
            members.append(('"etag"', self.value()))
        if self.chance(0.05):
            members.insert(0, ('"uri"', '"not this one"'))
        self.rng.shuffle(members)
        return self.object(members)

    def bare_source(self):
        """What stands in place of a _source that tells its position, or None."""
        return self.rng.choice([None, None, "5", "null", '"s3://b/1"', "{}", "{ }", '{"uri":5}',
                                '{"time":%s}' % self.time(), '{"uri":null,"record":3}'])

    def record(self, sourced):
        members = [('"partner_name"', self.string(self.rng.choice(self.partners))),
                   ('"accommodation_id"', self.rng.choice(self.ids)),
                   ('"accommodation_data"', self.data())]
        source = self.source() if sourced or self.chance(0.5) else self.bare_source()
        if source is not None:
            members.append(('"_source"', source))
        if self.chance(0.1):
            members.append(('"note"', self.value()))
        if self.chance(0.3):
            self.rng.shuffle(members)
        if self.chance(0.05):
            members.insert(0, ('"partner_name"', '"not this one"'))
        return self.object(members)

    def lines(self, count, sourced, bad):
        out = []
        for _ in range(count):
            if bad and self.chance(0.05):
                out.append(self.rng.choice(BAD_LINES))
            elif out and self.chance(0.05):
                out.append(self.rng.choice(out))
            else:
                out.append((self.gap() + self.record(sourced) + self.gap()).encode())
            if self.chance(0.02):
                out.append(self.rng.choice([b"", b" \t", b"\r"]))
        return out


def over_lines(line):
    """A record without white space between its tokens, on several lines."""
    return re.sub(rb'("(?:[^"\\]|\\.)*")|([{\[,:])',
                  lambda found: found[1] or found[2] + b"\r\n  ", line)


# The ways in which the same records may arrive.
FORMS = {
    "lines": lambda lines: b"".join(line + b"\n" for line in lines),
    "lines with CRLF and BOM": lambda lines: b"\xef\xbb\xbf" + b"\r\n".join(lines),
    "values on one line": b" ".join,
    "an array": lambda lines: b"[" + b" ,".join(lines) + b"]",
    "an array over lines": lambda lines: b"[\n" + b",\n".join(lines) + b"\n]\n",
    "many arrays": lambda lines: b"[]".join(b"[" + line + b"]" for line in lines),
    "records over lines": lambda lines: b"\n".join(
        over_lines(line) if i % 3 else line for i, line in enumerate(lines)),
    "gzip": lambda lines: b"".join(gzip.compress(line + b"\n") for line in lines),
}


def random_rule(rng):
    if rng.random() < 0.15:
        return {"jq": rng.choice(PROGRAMS)}
    name = rng.choice(reference.RULES)
    if rng.random() < 0.3:
        return {"rule": name, "priority": rng.sample(PARTNERS[:-1], rng.randint(1, 3))}
    return name


def random_rules(rng, fields):
    rules = {}
    free = list(fields)
    rng.shuffle(free)
    if rng.random() < 0.3:
        size = rng.randint(1, 3)
        rules["groups"] = [g for g in (free[:size], free[size:size + 2]) if g]
        free = free[size + 2:]
    if rng.random() < 0.7:
        rules["default"] = random_rule(rng)
    rules["fields"] = {name: random_rule(rng) for name in free if rng.random() < 0.7}
    return rules


def random_options(rng, writer, directory):
    """The command line, without files. Lists and rules are written to files."""
    listed = PARTNERS[:-1]

    def wrote(name, content):
        path = os.path.join(directory, name)
        with open(path, "w", encoding="utf-8") as f:
            json.dump(content, f, ensure_ascii=rng.random() < 0.5)
        return path
    args = []
    if rng.random() < 0.7:
        names = rng.sample(listed, rng.randint(1, 4))
        names += [rng.choice(names)] if rng.random() < 0.1 else []
        args += ["--priority", wrote("priority.json", names)]
        if rng.random() < 0.2:
            args += ["--unlisted", "drop"]
    if rng.random() < 0.2:
        args += ["--deny", wrote("deny.json", [rng.choice(listed)])]
    if rng.random() < 0.6:
        args += ["--rules", wrote("rules.json", random_rules(rng, writer.fields))]
    if rng.random() < 0.15:
        names = [n for n in writer.fields + ["absent"] if n and rng.random() < 0.5]
        args += ["--fields", ",".join(names)] if names else []
    if rng.random() < 0.15:
        args += ["--mode", "record"]
    if rng.random() < 0.4:
        args += ["--updates", "patch"]
    if rng.random() < 0.3:
        args += ["--empty-is-missing"]
    if rng.random() < 0.4:
        args += ["--explain"]
    if rng.random() < 0.05:
        args += ["--time", ".note"]
    return args


class Failure(Exception):
    pass


class Case:
    """Records in two files, and the options to merge them with."""

    def __init__(self, seed, index):
        self.rng = random.Random("%s/%s" % (seed, index))
        self.dir = tempfile.mkdtemp(prefix="acc-laws.")
        self.journal = os.path.join(self.dir, "journal")
        writer = Writer(self.rng, index % 25 == 12)
        self.sourced = self.rng.random() < 0.6
        big = index % 25 == 24
        count = self.rng.randint(600, 1500) if big else self.rng.randint(0, 40)
        if big:
            writer.ids += ['"%d"' % i for i in range(200)]
        self.spaced = writer.spaced
        lines = writer.lines(count, self.sourced, self.rng.random() < 0.3)
        cut = self.rng.randint(0, len(lines))
        self.parts = [lines[:cut], lines[cut:]]
        self.args = random_options(self.rng, writer, self.dir)

    def write(self, parts=None):
        for name, lines in zip(FILES, parts or self.parts):
            with open(os.path.join(self.dir, name), "wb") as f:
                f.write(b"".join(line + b"\n" for line in lines))

    def run(self, args, stdin=None, simd="on"):
        """(stdout, status, counts of the journal)"""
        if os.path.exists(self.journal):
            os.unlink(self.journal)
        command = [os.path.join(BIN, "acc-merge"), *args]
        env = dict(os.environ, ACC_JOURNAL=self.journal, ACC_SIMD=simd)
        done = subprocess.run(command, input=stdin, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, cwd=self.dir, env=env, timeout=60)
        if done.returncode not in (0, 1) or b"Sanitizer" in done.stderr:
            raise Failure("status %d of %s\n%s" % (
                done.returncode, command, done.stderr.decode(errors="replace")))
        return done.stdout, done.returncode, self.counts()

    def counts(self):
        with open(self.journal, encoding="utf-8") as f:
            for line in f:
                entry = json.loads(line)
                if "counts" in entry:
                    return entry["counts"]
        return None

    def expected(self, extra=()):
        options = reference.options_of([*self.args, *extra])
        inputs = [(name, b"".join(line + b"\n" for line in lines))
                  for name, lines in zip(FILES, self.parts)]
        return reference.merge(inputs, options)

    def check_reference(self, extra=()):
        self.write()
        expected = self.expected(extra)
        out, status, counts = self.run([*self.args, *extra, *FILES])
        differ("the reference", expected.output(), out)
        if status != expected.status():
            raise Failure("status %d, not %d" % (status, expected.status()))
        for name, number in expected.counts().items():
            if counts is None or counts.get(name) != number:
                raise Failure("counts %s, not %s" % (counts, expected.counts()))
        return out

    def check_order(self, out):
        if not self.sourced:
            return
        lines = self.parts[0] + self.parts[1]
        self.rng.shuffle(lines)
        cut = self.rng.randint(0, len(lines))
        self.write([lines[:cut], lines[cut:]])
        differ("another order", out, self.run([*self.args, *FILES])[0])
        self.write()

    def check_twice(self, out):
        differ("input given twice", out, self.run([*self.args, *FILES, *FILES])[0])

    def check_parts(self, out):
        for name in FILES:
            part = self.run([*self.args, "--latest", name])[0]
            with open(os.path.join(self.dir, "latest " + name), "wb") as f:
                f.write(part)
        merged = self.run([*self.args, *("latest " + name for name in FILES)])[0]
        differ("work in parts", out, merged)

    def check_means(self, out):
        args = [*self.args, "-j", self.rng.choice("124"),
                "-S", self.rng.choice(["64K", "100K", "1M"]), "-T", self.dir]
        simd = self.rng.choice(["on", "off"])
        what = " ".join(args[-6:-2]) + " ACC_SIMD=" + simd
        if self.sourced:
            form = self.rng.choice([f for f in FORMS if f != "records over lines" or not self.spaced])
            lines = [r for r in self.parts[0] + self.parts[1] if r.strip()]
            if any(line in BAD_LINES for line in lines):
                form = "lines"
            stdin = FORMS[form](lines)
            differ("%s in a pipe, %s" % (form, what), out, self.run(args, stdin, simd)[0])
        else:
            differ(what, out, self.run([*args, *FILES], None, simd)[0])

    def check(self):
        out = self.check_reference()
        self.check_order(out)
        self.check_twice(out)
        self.check_parts(out)
        self.check_means(out)
        self.check_reference(["--latest"])

    def fails(self):
        try:
            self.check()
        except (Failure, subprocess.TimeoutExpired) as failure:
            return failure
        return None

    def reduce(self, failure):
        """Leave out lines as long as the case still fails."""
        until = time.time() + 20
        for part in (0, 1):
            step = max(1, len(self.parts[part]) // 2)
            while step and time.time() < until:
                at = 0
                while at < len(self.parts[part]) and time.time() < until:
                    whole = self.parts[part]
                    self.parts[part] = whole[:at] + whole[at + step:]
                    smaller = self.fails()
                    if smaller:
                        failure = smaller
                    else:
                        self.parts[part] = whole
                        at += step
                step //= 2
        self.write()
        return failure


class Spill(Case):
    """Far more records than the memory budget holds: what goes through runs on
    disk is what stays in memory."""

    def __init__(self, seed):
        super().__init__(seed, 24)
        self.args = []
        writer = Writer(self.rng, False)
        writer.ids = ['"@@%d"' % i for i in range(900)]
        lines = writer.lines(3000, True, False)
        lines = [line.replace(b"@@", b"%d-" % i) for i in range(8) for line in lines]
        self.rng.shuffle(lines)
        self.parts = [lines[:15000], lines[15000:]]
        while "drop" in self.args or "--deny" in self.args or not self.args:
            self.args = random_options(self.rng, writer, self.dir)

    def check(self):
        self.write()
        for extra in ([], ["--latest"]):
            args = [*self.args, *extra]
            out = self.run([*args, "-S", "1G", "-j", "1", *FILES])[0]
            for means in (["-S", "64K", "-j", "1"], ["-S", "200K", "-j", "2"],
                          ["-S", "64K", "-j", "4"]):
                got, _, counts = self.run([*args, *means, "-T", self.dir, *FILES])
                differ(" ".join(means), out, got)
                if not counts["runs"]:
                    raise Failure("nothing was spilled with " + " ".join(means))
            lines = [line for line in self.parts[0] + self.parts[1] if line.strip()]
            stdin = FORMS["lines"](lines)
            differ("spilling from a pipe", out, self.run([*args, "-S", "64K"], stdin)[0])
            for form in ("an array", "an array over lines", "values on one line", "many arrays"):
                with open(os.path.join(self.dir, "form"), "wb") as f:
                    f.write(FORMS[form](lines))
                jobs = self.rng.choice("124")
                differ("%s in a file, -j %s" % (form, jobs), out,
                       self.run([*args, "-j", jobs, "form"])[0])


def differ(what, wanted, got):
    if wanted == got:
        return
    wanted, got = wanted.split(b"\n"), got.split(b"\n")
    at = next((i for i, (w, g) in enumerate(zip(wanted, got)) if w != g),
              min(len(wanted), len(got)))
    raise Failure("%s: line %d\n  wanted %s\n  got    %s" % (
        what, at + 1, *(b"".join(x[at:at + 1]).decode(errors="replace") for x in (wanted, got))))


def report(case, failure, seed, index):
    if index >= 0:
        failure = case.reduce(failure)
    print("laws: FAILED: %s" % failure)
    print("  in %s: acc-merge %s" % (case.dir, " ".join(case.args)))
    for name, lines in zip(FILES, case.parts):
        for line in lines[:50]:
            print("  %s: %s" % (name, line.decode(errors="replace")))
    for name in ("rules.json", "priority.json", "deny.json"):
        path = os.path.join(case.dir, name)
        if os.path.exists(path):
            with open(path, encoding="utf-8") as f:
                print("  %s: %s" % (name, f.read()))
    print("  again: laws.py --seed %d --only %d" % (seed, index))


def main():
    parser = argparse.ArgumentParser(description="try the laws of consolidation")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**9))
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--only", type=int, help="just the case of this number; -1: spilling")
    parser.add_argument("--all", action="store_true", help="go on after a failure")
    args = parser.parse_args()
    print("laws: seed %d, %d runs" % (args.seed, args.runs), flush=True)
    start = time.time()
    failed = 0
    for index in [*range(args.runs), -1] if args.only is None else [args.only]:
        case = Case(args.seed, index) if index >= 0 else Spill(args.seed)
        failure = case.fails()
        if failure:
            failed += 1
            report(case, failure, args.seed, index)
            if not args.all:
                break
        else:
            shutil.rmtree(case.dir)
    print("laws: %s in %.1f s" % ("%d FAILED" % failed if failed else "all hold",
                                  time.time() - start))
    return 1 if failed else 0


BIN = os.path.abspath(os.environ.get("ACC_BIN", os.path.join(HERE, "../../build/bin")))

if __name__ == "__main__":
    sys.exit(main())
