#!/usr/bin/env python3
"""The reference against small cases whose answers were worked out by hand."""
import argparse
import os
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True
import reference  # noqa: E402


def options(**changes):
    base = dict(priority=[], deny=[], rules={}, fields=None, key=".accommodation_id",
                partner=".partner_name", data=".accommodation_data",
                time="._source.time", mode="field", updates="replace", unlisted="keep",
                empty_is_missing=False, latest=False, explain=False)
    base.update(changes)
    return argparse.Namespace(**base)


def rec(partner, data, time=None, ident='"1"', record=1, uri="u"):
    source = '{"uri":"%s","record":%d%s}' % (
        uri, record, "" if time is None else ',"time":%s' % time)
    return '{"partner_name":"%s","accommodation_id":%s,"accommodation_data":%s,"_source":%s}' % (
        partner, ident, data, source)


def run(lines, **changes):
    content = "\n".join(lines).encode()
    return reference.merge([("f", content)], options(**changes))


def data_of(lines, **changes):
    result = run(lines, **changes)
    assert len(result.lines) == 1, result.lines
    head = '{"accommodation_id":"1","accommodation_data":'
    assert result.lines[0].startswith(head), result.lines
    return result.lines[0][len(head):-1]


def field(rule, values, **changes):
    """The output of field x; values: [(partner, text) or (partner, text, time)],
    partners in the order of their rank."""
    lines = [rec(v[0], '{"x":%s}' % v[1], v[2] if len(v) > 2 else None, record=i)
             for i, v in enumerate(values)]
    changes.setdefault("priority", [v[0] for v in values])
    data = data_of(lines, rules={"fields": {"x": rule}}, **changes)
    assert data.startswith('{"x":') and data.endswith("}")
    return data[5:-1]


class Json(unittest.TestCase):
    def test_slices_are_untouched(self):
        for text in ("1.10", "1E+2", "-0", "1" * 30, r'"\u00e9\/"', '[1 , 2]', '{"a" : 1}'):
            self.assertEqual(reference.parse(" %s\r\n" % text).text, text)

    def test_what_is_not_json(self):
        for text in ("", "01", "1.", ".5", "+1", "tru", "nul", "'a'", '"\t"', '"\\x"',
                     '"\\u12"', "[1,]", "[,1]", '{"a"}', '{"a":1,}', "{1:2}", "1 2", "[1",
                     '"a', "NaN", "--1", "1e", "{\"a\":1}}"):
            with self.assertRaises(reference.Invalid, msg=text):
                reference.parse(text)

    def test_depth(self):
        reference.parse("[" * 512 + "]" * 512)
        with self.assertRaises(reference.Invalid):
            reference.parse("[" * 513 + "]" * 513)

    def test_of_duplicate_names_the_last_value_at_the_first_place(self):
        value = reference.parse(r'{"a":1,"b":2,"\u0061":3}')
        self.assertEqual([(k, n, v.text) for k, n, v in value.members()],
                         [('"a"', "a", "3"), ('"b"', "b", "2")])

    def test_strings_decode(self):
        self.assertEqual(reference.decode_string(r'"\ud83d\ude00\u0041\n\/"'), "\U0001F600A\n/")
        self.assertEqual(reference.decode_string(r'"\ud83dx"'), "\ud83dx")
        self.assertEqual(reference.decode_string(r'"\\u0041"'), "\\u0041")

    def test_numbers_compare_exactly(self):
        order = ["-1e400", "-10", "-9.99", "-0.1e-400", "0", "1e-400", "0.1", "1",
                 "1" + "0" * 29 + "1", "1" + "0" * 29 + "2", "1e400"]
        for i, a in enumerate(order):
            for j, b in enumerate(order):
                self.assertEqual(reference.compare_decimals(a, b), (i > j) - (i < j), (a, b))
        for a, b in (("1", "1.0"), ("100", "1e2"), ("0.010", "1E-2"), ("-0", "0e5"),
                     ("12300", "1.23e4")):
            self.assertEqual(reference.compare_decimals(a, b), 0, (a, b))

    def test_equality_as_json_values(self):
        def same(a, b):
            return reference.canonical(reference.parse(a)) == reference.canonical(reference.parse(b))
        self.assertTrue(same('{"a":1,"b":[2]}', r'{"b":[2.0],"\u0061":1e0}'))
        self.assertTrue(same('{"a":1,"a":2}', '{"a":2}'))
        self.assertFalse(same("[1,2]", "[2,1]"))
        self.assertFalse(same('"1"', "1"))
        self.assertFalse(same("null", "false"))
        self.assertFalse(same("[]", "{}"))


class Times(unittest.TestCase):
    def seconds(self, text):
        return reference.instant(reference.parse(text))

    def test_instants(self):
        fraction = reference.Fraction
        for text, expected in (
                ('"1970-01-01T00:00:00Z"', 0), ('"1970-01-02"', 86400),
                ('"2021-02-01T11:07:57.885Z"', fraction(1612177677885, 1000)),
                ('"2021-02-01T12:07:57.885+01:00"', fraction(1612177677885, 1000)),
                ('"2000-02-29T00:00:00-00:30"', 951782400 + 1800),
                ('"1969-12-31T23:59:59.5Z"', fraction(-1, 2)),
                ('"1600-01-01"', -11676096000), ("1.5", fraction(3, 2)), ("-2e1", -20),
                ("0", 0), ('"1970-01-01T00:00:00.0000000000000000019Z"',
                           fraction(1, 10**18)), ("1e-19", 0)):
            self.assertEqual(self.seconds(text), expected, text)

    def test_what_is_no_time(self):
        for text in ('"2021-02-29"', '"2021-13-01"', '"2021-00-01"', '"2021-01-00"',
                     '"2021-01-01T24:00:00Z"', '"2021-01-01T00:60:00Z"',
                     '"2021-01-01T00:00:00"', '"2021-01-01T00:00Z"', '"1612137600"',
                     '"2021-01-01T00:00:00+24:00"', '"2021-01-01T00:00:00.Z"', '""',
                     '"x"', "true", "{}", "[]", '"21-01-01"', '"2021-01-01 "'):
            self.assertIsNone(self.seconds(text), text)


class Records(unittest.TestCase):
    def test_string_and_number_ids_are_one(self):
        result = run([rec("B", '{"x":2}', ident="101"), rec("A", '{"x":1}', ident=r'"10\u0031"')],
                     priority=["B"])
        self.assertEqual(result.lines, ['{"accommodation_id":101,"accommodation_data":{"x":2}}'])

    def test_refusals(self):
        lines = ["nonsense", "5", '"s"', "{}", '{"partner_name":"A","accommodation_data":{}}',
                 '{"accommodation_id":"1","accommodation_data":{}}',
                 '{"accommodation_id":"1","partner_name":"A"}',
                 '{"accommodation_id":null,"partner_name":"A","accommodation_data":{}}',
                 '{"accommodation_id":["1"],"partner_name":"A","accommodation_data":{}}',
                 '{"accommodation_id":1,"partner_name":5,"accommodation_data":{}}',
                 '{"accommodation_id":1,"partner_name":"A","accommodation_data":[]}',
                 "", '{"accommodation_id":1,"partner_name":"A","accommodation_data":{}}']
        result = run(lines)
        self.assertEqual([r[1] for r in result.refused], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
        self.assertEqual(result.lines, ['{"accommodation_id":1,"accommodation_data":{}}'])
        self.assertEqual(result.counts(), {"read": 12, "represented": 1, "superseded": 0,
                                           "left_out": 0, "refused": 11})
        self.assertEqual(result.status(), 1)

    def test_paths(self):
        line = '{"h":{"id":7,"p":"A","d":{"x":1},"t":"2021-01-01"}}'
        result = reference.merge([("f", line.encode())], options(
            key=".h.id", partner=".h.p", data=".h.d", time=".h.t", explain=True))
        self.assertEqual(result.lines, [
            '{"accommodation_id":7,"accommodation_data":{"x":1},"_fields":{"x":{"partner":"A",'
            '"time":"2021-01-01","uri":"f","record":1,"rule":"priority","others":0}}}'])

    def test_bad_time_is_missing_and_counted(self):
        result = run([rec("A", "{}", '"soon"'), rec("B", "{}", "null"), rec("C", "{}")])
        self.assertEqual(result.bad_times, 1)

    def test_output_is_sorted_by_id_bytes(self):
        result = run([rec("A", "{}", ident=i) for i in ('"b"', "9", "10", '"\u00e9"', '"a"', '""')])
        self.assertEqual([line[20:line.index(",")] for line in result.lines],
                         ['""', "10", "9", '"a"', '"b"', '"\u00e9"'])


class Order(unittest.TestCase):
    def winner(self, *lines, **changes):
        changes.setdefault("updates", "patch")
        return data_of(list(lines), **changes)

    def test_rank_before_time(self):
        self.assertEqual(self.winner(rec("A", '{"x":1}', '"2021-01-01"'),
                                     rec("B", '{"x":2}', '"2020-01-01"'), priority=["B", "A"]),
                         '{"x":2}')

    def test_newest_first_and_missing_is_oldest(self):
        self.assertEqual(self.winner(rec("A", '{"x":1}'), rec("A", '{"x":2}', "-5"),
                                     rec("A", '{"x":3}', '"1969-12-31T23:59:54+00:00"')),
                         '{"x":2}')

    def test_then_partner_then_uri_then_record_then_text(self):
        self.assertEqual(self.winner(rec("B", '{"x":1}', uri="z"), rec("A", '{"x":2}')), '{"x":2}')
        self.assertEqual(self.winner(rec("A", '{"x":1}', uri="a", record=9),
                                     rec("A", '{"x":2}', uri="b")), '{"x":2}')
        self.assertEqual(self.winner(rec("A", '{"x":1}', record=9),
                                     rec("A", '{"x":2}', record=10)), '{"x":2}')
        self.assertEqual(self.winner(rec("A", '{"x":10}'), rec("A", '{"x":9}')), '{"x":9}')

    def test_equal_records_are_one(self):
        result = run([rec("A", '{"x":1}')] * 3, updates="patch", explain=True)
        self.assertIn('"others":0', result.lines[0])
        self.assertEqual(result.counts()["superseded"], 2)

    def test_listed_before_unlisted_and_first_place_counts(self):
        lines = [rec("U", '{"x":1}', "9"), rec("B", '{"x":2}', "2"), rec("A", '{"x":3}', "1")]
        self.assertEqual(self.winner(*lines, priority=["B", "A", "B"]), '{"x":2}')
        self.assertEqual(self.winner(*lines), '{"x":1}')

    def test_left_out(self):
        lines = [rec("U", '{"x":1}'), rec("B", '{"x":2}'), rec("A", '{"x":3}')]
        result = run(lines, priority=["B", "A"], deny=["B"], unlisted="drop")
        self.assertEqual(result.lines, ['{"accommodation_id":"1","accommodation_data":{"x":3}}'])
        self.assertEqual(result.counts(), {"read": 3, "represented": 1, "superseded": 0,
                                           "left_out": 2, "refused": 0})


class Fields(unittest.TestCase):
    def test_replace_and_patch(self):
        lines = [rec("A", '{"x":null,"y":2}', "2"), rec("A", '{"x":1,"z":3}', "1"),
                 rec("B", '{"x":7}', "3")]
        self.assertEqual(data_of(lines, priority=["A", "B"]), '{"x":7,"y":2}')
        self.assertEqual(data_of(lines, priority=["A", "B"], updates="patch"),
                         '{"x":1,"y":2,"z":3}')

    def test_empty_is_missing(self):
        lines = [rec("A", '{"a":"","b":[],"c":{ },"d":0}'), rec("B", '{"a":"x","b":[1],"e":""}')]
        self.assertEqual(data_of(lines, priority=["A", "B"]), '{"a":"","b":[],"c":{ },"d":0,"e":""}')
        self.assertEqual(data_of(lines, priority=["A", "B"], empty_is_missing=True),
                         '{"a":"x","b":[1],"c":null,"d":0,"e":null}')

    def test_record_mode_copies_and_fields_filters(self):
        lines = [rec("A", r'{ "x":null, "y" : 1.10, "\u0078":3 }'), rec("B", '{"x":7,"z":1}')]
        self.assertEqual(data_of(lines, priority=["A"], mode="record"),
                         r'{ "x":null, "y" : 1.10, "\u0078":3 }')
        self.assertEqual(data_of(lines, priority=["A"], mode="record", fields=["x", "z"]),
                         '{"x":3}')
        self.assertEqual(data_of(lines, priority=["A"], fields=["z", "y"]), '{"y":1.10,"z":1}')

    def test_a_field_is_spelled_as_first_met(self):
        lines = [rec("A", r'{"\u0061":null}'), rec("B", '{"a":1}')]
        self.assertEqual(data_of(lines, priority=["A", "B"]), r'{"\u0061":1}')

    def test_duplicate_with_null_last_is_null(self):
        self.assertEqual(data_of([rec("A", '{"a":1,"b":2,"a":null}')]), '{"a":null,"b":2}')

    def test_newest_and_oldest(self):
        values = [("A", "1", "5"), ("B", "2", "7"), ("C", "3", "7"), ("D", "4")]
        self.assertEqual(field("newest", values), "2")
        self.assertEqual(field("oldest", values), "4")
        self.assertEqual(field("oldest", values[:3]), "1")

    def test_longest_and_shortest(self):
        values = [("A", "7"), ("B", r'"\u00e9\u00e9"'), ("C", '"\U0001F600bc"'), ("D", '"abc"'),
                  ("E", "[1,2,3,4,5,6]"), ("F", '"z"')]
        self.assertEqual(field("longest", values), '"\U0001F600bc"')
        self.assertEqual(field("shortest", values), '"z"')
        self.assertEqual(field("longest", values[4:]), "[1,2,3,4,5,6]")
        self.assertEqual(field("longest", [("A", "[1]"), ("B", "[2,3]"), ("C", '"long one"')]),
                         "[2,3]")

    def test_min_and_max(self):
        values = [("A", '"x"'), ("B", "1.0"), ("C", "1"), ("D", "1" * 30), ("E", "1" * 29 + "2")]
        self.assertEqual(field("min", values), "1.0")
        self.assertEqual(field("max", values), "1" * 29 + "2")

    def test_majority(self):
        self.assertEqual(field("majority", [("A", "1"), ("B", '"x"'), ("C", r'"\u0078"'),
                                            ("D", "1.0")]), "1")
        self.assertEqual(field("majority", [("A", "1"), ("B", '"x"'), ("C", r'"\u0078"')]), '"x"')
        lines = [rec("A", '{"x":1}', "3"), rec("A", '{"x":2}', "2"), rec("A", '{"x":2}', "1"),
                 rec("A", '{"x":2}', "0"), rec("B", '{"x":1}')]
        self.assertEqual(data_of(lines, updates="patch", rules={"default": "majority"}), '{"x":1}')

    def test_union(self):
        self.assertEqual(field("union", [("A", '[1, "a",{"p":1, "q":2}]'), ("B", "5"),
                                         ("C", r'[1.0,"\u0061",{"q":2,"p":1},null,null]')]),
                         '[1,"a",{"p":1, "q":2},null]')

    def test_deep(self):
        self.assertEqual(
            field("deep", [("A", '{"a":{"b":1.10, "c":null},"d":5,"n":null}'), ("B", '"s"'),
                           ("C", '{"e":[1, 2],"a":{"c":2,"b":7,"f":{"g":1}},"d":{"x":1}}'),
                           ("D", '{"a":3,"e":[9]}'), ("E", '{"a":{"f":{"h":2}}}')]),
            '{"a":{"b":1.10,"c":2,"f":{"g":1,"h":2}},"d":5,"n":null,"e":[1, 2]}')

    def test_wrong_types_fall_back_to_priority(self):
        for rule in ("longest", "min", "union", "deep"):
            self.assertEqual(field(rule, [("A", "true"), ("B", "false")]), "true")

    def test_own_priority(self):
        rule = {"rule": "priority", "priority": ["C"]}
        values = [("A", "1"), ("B", "2"), ("C", "3")]
        self.assertEqual(field(rule, values), "3")
        self.assertEqual(field(rule, values[:2]), "1")
        self.assertEqual(field({"rule": "newest", "priority": ["B"]}, values), "2")

    def test_jq(self):
        values = [("A", "1"), ("B", "2", '"2021-01-01"')]
        self.assertEqual(field({"jq": "map(.value)|add"}, values), "3")
        self.assertEqual(field({"jq": ".[1]|[.partner,.rank,.time], 5"}, values),
                         '["B",2,"2021-01-01"]')
        for bad in ("empty", "error(\"x\")", ".a.b.c"):
            self.assertEqual(field({"jq": bad}, values), "1")

    def test_groups(self):
        rules = {"groups": [["lat", "lon"], ["street", "zip", "city"]]}
        lines = [rec("A", '{"zip":1,"lat":1,"q":9}'), rec("B", '{"lat":2,"lon":2,"street":"b","city":"b"}'),
                 rec("C", '{"street":"c","city":"c","lat":3,"lon":3,"zip":null}')]
        self.assertEqual(data_of(lines, priority=["A", "B", "C"], rules=rules),
                         '{"zip":null,"lat":2,"q":9,"lon":2,"street":"b","city":"b"}')
        with self.assertRaises(reference.Usage):
            run(lines, rules={"groups": [["a", "b"]], "fields": {"a": "min"}})


class Explain(unittest.TestCase):
    def test_says_where_each_field_is_from(self):
        lines = [rec("A", '{"x":1,"n":null}', '"2021-01-01"', record=4),
                 rec("B", '{"x":2,"y":[1]}')]
        head = '{"accommodation_id":"1","accommodation_data":{"x":1,"n":null,"y":[1]},"_fields":{'
        self.assertEqual(run(lines, priority=["A"], explain=True).lines, [
            head + '"x":{"partner":"A","time":"2021-01-01","uri":"u","record":4,'
            '"rule":"priority","others":1},"y":{"partner":"B","time":null,"uri":"u",'
            '"record":1,"rule":"priority","others":0}}}'])

    def test_record_mode(self):
        lines = [rec("A", '{"x":1}'), rec("B", '{"x":2,"y":1}')]
        self.assertEqual(run(lines, priority=["A"], explain=True, mode="record").lines, [
            '{"accommodation_id":"1","accommodation_data":{"x":1},"_fields":{"x":{"partner":"A",'
            '"time":null,"uri":"u","record":1,"rule":"record","others":1}}}'])

    def rule_of(self, rule, values):
        lines = [rec(p, '{"x":%s}' % v, record=i) for i, (p, v) in enumerate(values)]
        line = run(lines, priority=[p for p, _ in values], explain=True,
                   rules={"fields": {"x": rule}}).lines[0]
        entry = reference.parse(line).get("_fields").get("x")
        return [entry.get(n).text for n in ("partner", "record", "rule", "others")]

    def test_who_is_named(self):
        self.assertEqual(self.rule_of("union", [("A", "1"), ("B", "[1]"), ("C", "[2]")]),
                         ['"B"', "1", '"union"', "2"])
        self.assertEqual(self.rule_of("max", [("A", "1"), ("B", "3"), ("C", "2")]),
                         ['"B"', "1", '"max"', "2"])
        self.assertEqual(self.rule_of("max", [("A", "[]")]), ['"A"', "0", '"priority"', "0"])
        self.assertEqual(self.rule_of({"jq": ".[1].value"}, [("A", "1"), ("B", "2.0")]),
                         ['"B"', "1", '"jq"', "1"])
        self.assertEqual(self.rule_of({"jq": "7"}, [("A", "1"), ("B", "2.0")]),
                         ["null", "null", '"jq"', "1"])


class Latest(unittest.TestCase):
    def latest(self, line):
        return run([line], latest=True).lines[0]

    def test_records_keep_their_text(self):
        line = rec("A", '{ "x":1}').replace("{", "{ ", 1)
        self.assertEqual(self.latest(" " + line + " \r"), line)

    def test_a_bare_record_gets_its_position(self):
        head = '{"partner_name":"A","accommodation_id":1,"accommodation_data":{}'
        mine = '"uri":"f","record":1}'
        for rest, expected in (
                ("}", ',"_source":{' + mine + "}"),
                (',"_source":5}', ',"_source":5,"_source":{' + mine + "}"),
                (',"_source":{}}', ',"_source":{}}'),
                (',"_source":{"uri":7},"z":1}', ',"_source":{"uri":7},"z":1}')):
            self.assertEqual(self.latest(head + rest), head + expected)

    def test_all_survivors_in_order(self):
        lines = [rec("A", '{"x":1}', "1"), rec("B", '{"x":2}', "2"), rec("A", '{"x":3}', "3"),
                 rec("A", '{"x":0}', ident='"0"')]
        self.assertEqual(run(lines, latest=True).lines, [lines[3], lines[2], lines[1]])


class CommandLine(unittest.TestCase):
    def test_lists_in_every_form(self):
        item = '{"contentType":{"S":"PriorityList"},"partner_list":{"L":[{"S":"A"},{"S":"B"}]}}'
        for content in ('["A","B"]', "# ours\nA\n\n B \n", item, '{"Item":%s}' % item,
                        '{"Items":[%s],"Count":1}' % item):
            with tempfile.NamedTemporaryFile("w", suffix=".list") as f:
                f.write(content)
                f.flush()
                self.assertEqual(reference.read_list(f.name), ["A", "B"])
        self.assertEqual(reference.read_list("A,"), ["A"])

    def test_statuses(self):
        command = [sys.executable, os.path.join(HERE, "reference.py")]

        def status(arguments, stdin=b""):
            return subprocess.run(command + arguments, input=stdin, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE).returncode
        self.assertEqual(status([]), 0)
        self.assertEqual(status([], b"x\n"), 1)
        self.assertEqual(status(["--priority", "/nonexistent"]), 2)
        self.assertEqual(status(["--mode", "x"]), 2)


if __name__ == "__main__":
    unittest.main()
