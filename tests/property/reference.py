#!/usr/bin/env python3
"""A slow reference of the consolidation that acc-merge computes.

It follows the description of consolidation step by step, with no concern for
speed, so that it can be checked by reading it beside that page. It reads JSON
Lines only and shares no code and no representation with acc-merge: a value is
a slice of the input's text, and what is copied is never written anew.

Standard library only; rules written in jq are run by the jq(1) command.
"""
import argparse
import functools
import json
import re
import subprocess
import sys
from fractions import Fraction

MAX_DEPTH = 512
RULES = ("priority", "newest", "oldest", "longest", "shortest",
         "min", "max", "majority", "union", "deep")

sys.setrecursionlimit(10000)


class Invalid(Exception):
    """The text is not one JSON value."""


class Refused(Exception):
    """The record cannot take part; the argument says why."""


class Usage(Exception):
    """The request itself is wrong (status 2)."""


# --- JSON: values that remember their text -----------------------------------

class Value:
    """One JSON value: its kind, its text as it stands, and what is in it."""

    def __init__(self, kind, text, start, end, inner=None):
        self.kind = kind            # object array string number true false null
        self.text = text            # the slice of the input, untouched
        self.start = start          # where the slice begins in the record's text
        self.end = end
        self.inner = inner          # object: [(key Value, Value)], array: [Value]

    def decoded(self):
        """The characters of a string; of anything else its text."""
        return decode_string(self.text) if self.kind == "string" else self.text

    def members(self):
        """[(key as spelled, name, Value)]: of names that stand twice the last
        value, at the place and in the spelling of the first."""
        out = []
        place = {}
        for key, value in self.inner:
            name = key.decoded()
            if name in place:
                spelled = out[place[name]][0]
                out[place[name]] = (spelled, name, value)
            else:
                place[name] = len(out)
                out.append((key.text, name, value))
        return out

    def get(self, name):
        """The member's value, or None."""
        if self.kind != "object":
            return None
        for _, member, value in self.members():
            if member == name:
                return value
        return None


ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f",
           "n": "\n", "r": "\r", "t": "\t"}


def decode_string(text):
    """The characters of a JSON string given with its quotes. An escape that
    names half a surrogate pair stays that: strings that differ stay different."""
    out = []
    i = 1
    while i < len(text) - 1:
        if text[i] != "\\":
            out.append(text[i])
            i += 1
        elif text[i + 1] != "u":
            out.append(ESCAPES[text[i + 1]])
            i += 2
        else:
            unit = int(text[i + 2:i + 6], 16)
            i += 6
            if 0xD800 <= unit < 0xDC00 and re.match(r"\\u[dD][c-fC-F]", text[i:i + 4]):
                low = int(text[i + 2:i + 6], 16)
                i += 6
                unit = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00)
            out.append(chr(unit))
    return "".join(out)


NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*"')
SPACE = re.compile(r"[ \t\r\n]*")


class Parser:
    def __init__(self, text):
        self.text = text
        self.at = 0

    def skip(self):
        self.at = SPACE.match(self.text, self.at).end()

    def peek(self):
        return self.text[self.at:self.at + 1]

    def expect(self, char):
        if self.peek() != char:
            raise Invalid("expected '%s' at byte %d" % (char, self.at))
        self.at += 1

    def token(self, kind, pattern):
        found = pattern.match(self.text, self.at)
        if not found:
            raise Invalid("bad %s at byte %d" % (kind, self.at))
        start, self.at = self.at, found.end()
        return Value(kind, found.group(), start, self.at)

    def value(self, depth):
        if depth > MAX_DEPTH:
            raise Invalid("nested deeper than %d" % MAX_DEPTH)
        char = self.peek()
        if char == '"':
            return self.token("string", STRING)
        if char == "{":
            return self.container("object", "}", depth)
        if char == "[":
            return self.container("array", "]", depth)
        for word in ("true", "false", "null"):
            if self.text.startswith(word, self.at):
                start, self.at = self.at, self.at + len(word)
                return Value(word, word, start, self.at)
        return self.token("number", NUMBER)

    def container(self, kind, closing, depth):
        start = self.at
        self.at += 1
        inner = []
        self.skip()
        while self.peek() != closing:
            if inner:
                self.expect(",")
                self.skip()
            key = None
            if kind == "object":
                key = self.token("string", STRING)
                self.skip()
                self.expect(":")
                self.skip()
            deeper = depth + 1 if self.peek() in ("{", "[") else depth
            item = self.value(deeper)
            inner.append((key, item) if kind == "object" else item)
            self.skip()
        self.at += 1
        return Value(kind, self.text[start:self.at], start, self.at, inner)


def parse(text):
    """The one JSON value in text; Invalid when it is anything else."""
    parser = Parser(text)
    parser.skip()
    value = parser.value(1)
    parser.skip()
    if parser.at != len(text):
        raise Invalid("text after the value at byte %d" % parser.at)
    return value


def decimal(text):
    """A number's exact value in a form that compares and is unique: the sign,
    the exponent of the leading digit, and the digits without zeros around."""
    sign, whole, fraction, exponent = re.fullmatch(
        r"(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?", text).groups()
    digits = whole + (fraction or "")
    scale = int(exponent or "0") + len(whole)
    stripped = digits.lstrip("0")
    scale -= len(digits) - len(stripped)
    stripped = stripped.rstrip("0")
    if not stripped:
        return (0, 0, "")
    return (-1 if sign else 1, scale, stripped)


def compare_decimals(a, b):
    a, b = decimal(a), decimal(b)
    if a[0] != b[0]:
        return -1 if a[0] < b[0] else 1
    larger = (a[1:] > b[1:]) - (a[1:] < b[1:])
    return larger * a[0]


def canonical(value):
    """Equal for values that are equal as JSON values, and only for those."""
    if value.kind == "object":
        return ("object", frozenset((n, canonical(v)) for _, n, v in value.members()))
    if value.kind == "array":
        return ("array", tuple(canonical(v) for v in value.inner))
    if value.kind == "string":
        return ("string", value.decoded())
    if value.kind == "number":
        return ("number", decimal(value.text))
    return (value.kind,)


def quote(text):
    """A JSON string as acc-merge itself writes one."""
    return json.dumps(text, ensure_ascii=False)


# --- times -------------------------------------------------------------------

TIME = re.compile(r"(\d{4})-(\d{2})-(\d{2})"
                  r"(?:[Tt ](\d{2}):(\d{2}):(\d{2})(?:\.(\d+))?"
                  r"(?:([Zz])|([+-])(\d{2}):(\d{2})))?", re.ASCII)


def days_since_epoch(year, month, day):
    """Days from 1970-01-01, in the calendar that RFC 3339 uses for all years."""
    days = 0
    for y in range(min(year, 1970), max(year, 1970)):
        days += 366 if is_leap(y) else 365
    if year < 1970:
        days = -days
    return days + sum(month_days(year, m) for m in range(1, month)) + day - 1


def is_leap(year):
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def month_days(year, month):
    if month == 2:
        return 29 if is_leap(year) else 28
    return 30 if month in (4, 6, 9, 11) else 31


def instant(value):
    """Seconds since the epoch as a Fraction, or None for what is no time."""
    if value.kind == "number":
        sign, scale, digits = decimal(value.text)
        if not sign:
            return Fraction(0)
        exact = Fraction(int(digits)) * Fraction(10) ** (scale - len(digits))
        return sign * Fraction(int(exact * 10**18), 10**18)
    if value.kind != "string":
        return None
    found = TIME.fullmatch(value.decoded())
    if not found:
        return None
    year, month, day = (int(found.group(i)) for i in (1, 2, 3))
    if not (1 <= month <= 12 and 1 <= day <= month_days(year, month)):
        return None
    seconds = Fraction(days_since_epoch(year, month, day) * 86400)
    if found.group(4) is None:
        return seconds
    hour, minute, second = (int(found.group(i)) for i in (4, 5, 6))
    if hour > 23 or minute > 59 or second > 60:
        return None
    seconds += hour * 3600 + minute * 60 + second
    fraction = (found.group(7) or "")[:18]
    if fraction:
        seconds += Fraction(int(fraction), 10 ** len(fraction))
    if found.group(9):
        off_hour, off_minute = int(found.group(10)), int(found.group(11))
        if off_hour > 23 or off_minute > 59:
            return None
        offset = off_hour * 3600 + off_minute * 60
        seconds -= offset if found.group(9) == "+" else -offset
    return seconds


# --- step 1: the record ------------------------------------------------------

class Record:
    """What one input line says."""

    def __init__(self, text, where, line, options):
        root = parse(text)
        if root.kind != "object":
            raise Refused("not an object")
        self.root = root
        self.text = root.text
        self.id = lookup(root, options.key)
        if self.id is None or self.id.kind not in ("string", "number"):
            raise Refused("no id")
        self.partner = lookup(root, options.partner)
        if self.partner is None or self.partner.kind != "string":
            raise Refused("no partner")
        self.data = lookup(root, options.data)
        if self.data is None or self.data.kind != "object":
            raise Refused("no data")
        self.id_text = self.id.decoded()
        self.name = self.partner.decoded()
        self.fields = self.data.members()
        self.set_time(lookup(root, options.time))
        self.set_position(where, line)

    def set_time(self, value):
        self.time = None                # the instant
        self.time_text = "null"         # as it stands in the record
        self.bad_time = False
        if value is None or value.kind == "null":
            return
        self.time = instant(value)
        if self.time is None:
            self.bad_time = True
        else:
            self.time_text = value.text

    def set_position(self, where, line):
        self.source = self.root.get("_source")
        self.bare = self.source is None or self.source.kind != "object"
        if self.bare:
            self.uri, self.uri_text = where, quote(where)
            self.number, self.number_text = line, str(line)
            return
        uri = self.source.get("uri")
        named = uri is not None and uri.kind == "string"
        self.uri, self.uri_text = (uri.decoded(), uri.text) if named else ("", "null")
        number = self.source.get("record")
        known = number is not None and re.fullmatch(r"0|[1-9][0-9]*", number.text)
        self.number_text = number.text if known else "0"
        self.number = int(self.number_text)

    def with_position(self):
        """The record's text, with a _source that tells its position."""
        if not self.bare:
            return self.text
        return '%s,"_source":{"uri":%s,"record":%s}}' % (self.text[:-1], self.uri_text, self.number_text)


def lookup(value, path):
    """What stands at a path such as .a.b, or None."""
    for name in path.split(".")[1:]:
        value = value.get(name)
        if value is None:
            return None
    return value


# --- steps 2 to 4: rank, order, updates --------------------------------------

def distinct(names):
    return list(dict.fromkeys(names))


def rank_of(name, priority):
    """1 for the first of the list; one more than the last for all others."""
    names = distinct(priority)
    return names.index(name) + 1 if name in names else len(names) + 1


def compare_records(a, b):
    """Negative when a comes first. The last step only makes the choice among
    records that are one record independent of the order they came in."""
    if a.rank != b.rank:
        return a.rank - b.rank
    if a.time != b.time:
        if a.time is None or b.time is None:
            return 1 if a.time is None else -1
        return -1 if a.time > b.time else 1
    if a.name != b.name:
        return -1 if a.name < b.name else 1
    for x, y in ((a.uri, b.uri), (a.number, b.number),
                 (a.data.text, b.data.text), (a.id.text, b.id.text), (a.text, b.text)):
        if x != y:
            return -1 if x > y else 1
    return 0


def one_record(a, b):
    return (a.rank, a.time, a.name, a.uri, a.number, a.data.text) == \
           (b.rank, b.time, b.name, b.uri, b.number, b.data.text)


def survivors(records, options):
    """The records of one accommodation in order, after duplicates and updates."""
    ordered = sorted(records, key=functools.cmp_to_key(compare_records))
    kept = []
    for record in ordered:
        if kept and one_record(kept[-1], record):
            continue
        if options.updates == "replace" and any(k.name == record.name for k in kept):
            continue
        kept.append(record)
    return kept


# --- steps 5 and 6: fields and rules -----------------------------------------

class Candidate:
    def __init__(self, record, value):
        self.record = record
        self.value = value


def is_missing(value, options):
    if value.kind == "null":
        return True
    if not options.empty_is_missing:
        return False
    if value.kind in ("object", "array"):
        return not value.inner
    return value.text == '""'


def candidates_of(records, name, options):
    out = []
    for record in records:
        for _, member, value in record.fields:
            if member == name and not is_missing(value, options):
                out.append(Candidate(record, value))
    return out


def first_with(candidates, key, best):
    """The first candidate whose key is the best of all."""
    wanted = best([key(c) for c in candidates])
    return next(c for c in candidates if key(c) == wanted)


def pick_by_time(candidates, newest):
    def key(candidate):
        time = candidate.record.time
        return (0, Fraction(0)) if time is None else (1, time)
    return first_with(candidates, key, max if newest else min)


def pick_by_length(candidates, longest):
    kinds = [c.value.kind for c in candidates if c.value.kind in ("string", "array")]
    same = [c for c in candidates if kinds and c.value.kind == kinds[0]]
    if not same:
        return None

    def length(candidate):
        value = candidate.value
        return len(value.decoded()) if value.kind == "string" else len(value.inner)
    return first_with(same, length, max if longest else min)


def pick_by_number(candidates, largest):
    numbers = [c for c in candidates if c.value.kind == "number"]
    best = None
    for candidate in numbers:
        if best is None:
            best = candidate
            continue
        order = compare_decimals(candidate.value.text, best.value.text)
        if (order > 0) if largest else (order < 0):
            best = candidate
    return best


def pick_majority(candidates):
    ballots = []
    voted = set()
    for candidate in candidates:
        if candidate.record.name not in voted:
            voted.add(candidate.record.name)
            ballots.append(candidate)
    said = [canonical(c.value) for c in ballots]
    return first_with(ballots, lambda c: said.count(canonical(c.value)), max)


def join_arrays(candidates):
    """(text, the first that took part), or None."""
    arrays = [c for c in candidates if c.value.kind == "array"]
    if not arrays:
        return None
    seen = set()
    elements = []
    for candidate in arrays:
        for element in candidate.value.inner:
            if canonical(element) not in seen:
                seen.add(canonical(element))
                elements.append(element.text)
    return "[%s]" % ",".join(elements), arrays[0]


def merge_deep(objects, options):
    """The text of the objects merged, the first ones deciding; an only one as it is."""
    if len(objects) == 1:
        return objects[0].text
    order = []
    spelled = {}
    values = {}
    for obj in objects:
        for key, name, value in obj.members():
            if name not in spelled:
                spelled[name] = key
                values[name] = []
                order.append(name)
            if not is_missing(value, options):
                values[name].append(value)
    parts = []
    for name in order:
        parts.append(spelled[name] + ":" + merge_member(values[name], options))
    return "{%s}" % ",".join(parts)


def merge_member(values, options):
    if not values:
        return "null"
    if values[0].kind != "object":
        return values[0].text
    return merge_deep([v for v in values if v.kind == "object"], options)


class JqRule:
    """A program in jq, run on the candidates of many accommodations at once."""

    def __init__(self, program):
        self.program = program
        check = subprocess.run(["jq", "-n", "empty|(%s\n)" % program],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if check.returncode:
            raise Usage("jq program does not compile: %s" % program)

    def outputs(self, inputs):
        """For each input text its first output as text, or None."""
        if not inputs:
            return []
        wrapped = "[first(try (%s\n) catch empty)]" % self.program
        run = subprocess.run(["jq", "-c", wrapped], input="\n".join(inputs).encode(),
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        lines = run.stdout.decode().split("\n")[:-1]
        if len(lines) != len(inputs):
            raise RuntimeError("jq failed: %s" % run.stderr.decode())
        return [line[1:-1] if line != "[]" else None for line in lines]


def jq_input(candidates):
    return "[%s]" % ",".join(
        '{"value":%s,"partner":%s,"rank":%d,"time":%s}' % (
            c.value.text, c.record.partner.text, c.record.rank, c.record.time_text)
        for c in candidates)


class Rule:
    """What decides one field: a rule's name, or a jq program; an order of its own."""

    def __init__(self, spec):
        if isinstance(spec, str):
            spec = {"rule": spec}
        self.name = spec.get("rule", "jq" if "jq" in spec else "priority")
        self.jq = JqRule(spec["jq"]) if "jq" in spec else None
        self.priority = spec.get("priority")
        if self.name not in RULES and not self.jq:
            raise Usage("unknown rule '%s'" % self.name)

    def arrange(self, candidates):
        """The candidates in the order that this rule goes by."""
        if self.priority is None:
            return candidates
        return sorted(candidates, key=lambda c: rank_of(c.record.name, self.priority))

    def decide(self, candidates, options):
        """(text, the record it is from, the rule that decided) by other than jq."""
        if self.name in ("union", "deep"):
            merged = self.merge(candidates, options)
            if merged:
                return merged[0], merged[1].record, self.name
        chosen = self.choose(candidates)
        if chosen:
            return chosen.value.text, chosen.record, self.name
        return candidates[0].value.text, candidates[0].record, "priority"

    def merge(self, candidates, options):
        if self.name == "union":
            return join_arrays(candidates)
        objects = [c for c in candidates if c.value.kind == "object"]
        if not objects:
            return None
        return merge_deep([c.value for c in objects], options), objects[0]

    def choose(self, candidates):
        if self.name in ("newest", "oldest"):
            return pick_by_time(candidates, self.name == "newest")
        if self.name in ("longest", "shortest"):
            return pick_by_length(candidates, self.name == "longest")
        if self.name in ("min", "max"):
            return pick_by_number(candidates, self.name == "max")
        if self.name == "majority":
            return pick_majority(candidates)
        return candidates[0] if self.name == "priority" else None


class RuleBook:
    def __init__(self, spec):
        self.default = Rule(spec.get("default", "priority"))
        self.fields = {name: Rule(r) for name, r in spec.get("fields", {}).items()}
        self.groups = spec.get("groups", [])
        grouped = [name for group in self.groups for name in group]
        for name in grouped:
            if name in self.fields or grouped.count(name) > 1:
                raise Usage("field '%s' is in a group" % name)

    def rule(self, name):
        return self.fields.get(name, self.default)

    def group(self, name):
        return next((g for g in self.groups if name in g), None)


def group_record(records, group, options):
    """The record that a group's fields are taken from, or None."""
    best, most = None, 0
    for record in records:
        count = sum(1 for name in group if candidates_of([record], name, options))
        if count > most:
            best, most = record, count
    return best


class Decision:
    """What one output field is, and why."""

    def __init__(self, spelled, text="null", record=None, rule=None, offered=0):
        self.spelled = spelled      # the field's name as first met
        self.text = text
        self.record = record        # where it is from; None: from nobody alone
        self.rule = rule            # None: nothing to explain
        self.offered = offered      # records that offered a candidate

    def explanation(self):
        record = self.record
        where = ("null", "null", "null", "null") if record is None else (
            record.partner.text, record.time_text, record.uri_text, record.number_text)
        return ('%s:{"partner":%s,"time":%s,"uri":%s,"record":%s,"rule":"%s","others":%d}'
                % ((self.spelled,) + where + (self.rule, self.offered - 1)))


def met_fields(records):
    """[(key as spelled, name)] in the order in which they are first met."""
    out = {}
    for record in records:
        for key, name, _ in record.fields:
            out.setdefault(name, key)
    return [(key, name) for name, key in out.items()]


def decide_whole(records, options):
    """--mode record: the first record's members."""
    out = []
    for key, name, value in records[0].fields:
        decision = Decision(key, value.text)
        if candidates_of(records[:1], name, options):
            decision.record, decision.rule = records[0], "record"
            decision.offered = len(candidates_of(records, name, options))
        out.append((name, decision))
    return out


def decide_fields(records, book, options, jq_results):
    """--mode field. jq_results maps a jq rule's input to its output; an input
    that is not there yet is left with None for the caller to fill in."""
    out = []
    for key, name in met_fields(records):
        decision = Decision(key)
        out.append((name, decision))
        candidates = candidates_of(records, name, options)
        decision.offered = len(candidates)
        group = book.group(name)
        if group:
            chosen = group_record(records, group, options)
            for candidate in candidates:
                if candidate.record is chosen:
                    decision.text = candidate.value.text
                    decision.record, decision.rule = chosen, "group"
        elif candidates:
            rule = book.rule(name)
            decide = decide_jq if rule.jq else decide_named
            decide(decision, rule, rule.arrange(candidates), options, jq_results)
    return out


def decide_named(decision, rule, candidates, options, _):
    decision.text, decision.record, decision.rule = rule.decide(candidates, options)


def decide_jq(decision, rule, candidates, _, jq_results):
    key = (rule.jq.program, jq_input(candidates))
    text = jq_results.setdefault(key, None)
    if text is None:
        decision.text, decision.record = candidates[0].value.text, candidates[0].record
        decision.rule = "priority"
        return
    decision.text, decision.rule = text, "jq"
    said = canonical(parse(text))
    for candidate in candidates:
        if canonical(candidate.value) == said:
            decision.record = candidate.record
            return


def run_jq(jq_results):
    """Fill in the outputs of all inputs that decide_fields() met."""
    programs = {program for program, _ in jq_results}
    for program in programs:
        inputs = [text for p, text in jq_results if p == program]
        for text, output in zip(inputs, JqRule(program).outputs(inputs)):
            jq_results[(program, text)] = output


# --- step 7: the output ------------------------------------------------------

def output_line(records, decisions, options):
    if options.fields is not None:
        decisions = [(n, d) for n, d in decisions if n in options.fields]
    if options.mode == "record" and options.fields is None:
        data = records[0].data.text
    else:
        data = "{%s}" % ",".join(d.spelled + ":" + d.text for _, d in decisions)
    line = '{"accommodation_id":%s,"accommodation_data":%s' % (records[0].id.text, data)
    if options.explain:
        line += ',"_fields":{%s}' % ",".join(
            d.explanation() for _, d in decisions if d.rule)
    return line + "}"


class Result:
    def __init__(self):
        self.lines = []
        self.refused = []           # (file, line, reason)
        self.bad_times = 0
        self.read = self.represented = self.superseded = self.left_out = 0

    def counts(self):
        return {"read": self.read, "represented": self.represented,
                "superseded": self.superseded, "left_out": self.left_out,
                "refused": len(self.refused)}

    def status(self):
        return 1 if self.refused else 0

    def output(self):
        return "".join(line + "\n" for line in self.lines).encode("utf-8")


def read_records(inputs, options, result):
    """All records that take part, by id. inputs: [(name, bytes)]."""
    by_id = {}
    for where, content in inputs:
        if content.startswith(b"\xef\xbb\xbf"):
            content = content[3:]
        for line, raw in enumerate(content.split(b"\n"), 1):
            if not raw.strip(b" \t\r\n"):
                continue
            result.read += 1
            try:
                record = Record(raw.decode("utf-8"), where, line, options)
            except (Invalid, Refused, UnicodeDecodeError) as error:
                result.refused.append((where, line, str(error)))
                continue
            result.bad_times += record.bad_time
            record.rank = rank_of(record.name, options.priority)
            unlisted = record.name not in options.priority
            if record.name in options.deny or (unlisted and options.unlisted == "drop"):
                result.left_out += 1
                continue
            by_id.setdefault(record.id_text, []).append(record)
    return by_id


def merge(inputs, options):
    """inputs: [(name, bytes)]. Gives a Result."""
    result = Result()
    by_id = read_records(inputs, options, result)
    book = RuleBook(options.rules)
    jq_results = {}
    kept = []
    for id_text in sorted(by_id):
        records = survivors(by_id[id_text], options)
        result.represented += len(by_id[id_text])
        result.superseded += len(by_id[id_text]) - len(records)
        kept.append(records)
    if options.latest:
        result.lines = [r.with_position() for records in kept for r in records]
        return result
    if options.mode == "field" and any(
            r.jq for r in [book.default, *book.fields.values()]):
        for records in kept:
            decide_fields(records, book, options, jq_results)
        run_jq(jq_results)
    for records in kept:
        if options.mode == "record":
            decisions = decide_whole(records, options)
        else:
            decisions = decide_fields(records, book, options, jq_results)
        result.lines.append(output_line(records, decisions, options))
    return result


# --- lists and the command line ----------------------------------------------

def dynamodb_names(item):
    if "Items" in item:
        return [n for i in item["Items"] for n in dynamodb_names(i)]
    if "Item" in item:
        return dynamodb_names(item["Item"])
    return [element["S"] for element in item["partner_list"]["L"]]


def read_list(source):
    """The names of a priority or deny list."""
    if "," in source:
        names = [n for n in source.split(",") if n]
    else:
        with open(source, encoding="utf-8-sig") as f:
            text = f.read()
        if text.lstrip()[:1] in ("[", "{"):
            content = json.loads(text)
            names = content if isinstance(content, list) else dynamodb_names(content)
        else:
            lines = (line.strip() for line in text.splitlines())
            names = [n for n in lines if n and not n.startswith("#")]
    if not names:
        raise Usage("the list '%s' is empty" % source)
    return names


def options_of(argv):
    parser = argparse.ArgumentParser(description="reference of acc-merge, for JSON Lines")
    parser.add_argument("--priority")
    parser.add_argument("--deny")
    parser.add_argument("--rules")
    parser.add_argument("--fields")
    parser.add_argument("--key", default=".accommodation_id")
    parser.add_argument("--partner", default=".partner_name")
    parser.add_argument("--data", default=".accommodation_data")
    parser.add_argument("--time", default="._source.time")
    parser.add_argument("--mode", choices=("field", "record"), default="field")
    parser.add_argument("--updates", choices=("replace", "patch"), default="replace")
    parser.add_argument("--unlisted", choices=("keep", "drop"), default="keep")
    parser.add_argument("--empty-is-missing", action="store_true")
    parser.add_argument("--latest", action="store_true")
    parser.add_argument("--explain", action="store_true")
    parser.add_argument("-v", dest="verbose", action="store_true")
    parser.add_argument("files", nargs="*")
    options = parser.parse_args(argv)
    options.priority = read_list(options.priority) if options.priority is not None else []
    options.deny = read_list(options.deny) if options.deny is not None else []
    options.fields = options.fields.split(",") if options.fields is not None else None
    if options.rules is None:
        options.rules = {}
    else:
        with open(options.rules, encoding="utf-8") as f:
            options.rules = json.load(f)
    return options


def read_input(name):
    if name == "-":
        return name, sys.stdin.buffer.read()
    with open(name, "rb") as f:
        return name, f.read()


def main(argv):
    try:
        options = options_of(argv)
        result = merge([read_input(n) for n in options.files or ["-"]], options)
    except (Usage, ValueError, KeyError, FileNotFoundError) as error:
        print("reference: %s" % error, file=sys.stderr)
        return 2
    sys.stdout.buffer.write(result.output())
    for where, line, reason in result.refused:
        print("reference: %s:%d: %s; the record is refused" % (where, line, reason),
              file=sys.stderr)
    if options.verbose:
        print("reference: %s" % json.dumps(result.counts()), file=sys.stderr)
    return result.status()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
