"""Say whether files of consolidated records are equal as JSON values.

usage: digest.py FILE...    prints one digest and the number of records per file

Neither the order of records and members nor the spelling of a value counts, and
a member that is null is as good as absent: peers with a fixed schema cannot tell.
usage: digest.py --diff A B    prints the first accommodations that differ
"""
import hashlib
import json
import sys


def canonical(line):
    record = json.loads(line, parse_int=float)
    data = {k: v for k, v in record["accommodation_data"].items() if v is not None}
    return str(record["accommodation_id"]), json.dumps(data, sort_keys=True)


def read(path):
    with open(path, encoding="utf-8") as file:
        return sorted(map(canonical, file))


def digest(path):
    records = read(path)
    total = hashlib.sha256()
    for key, data in records:
        total.update(f"{key}\t{data}\n".encode())
    return total.hexdigest()[:16], len(records)


def show_difference(left_path, right_path, most=3):
    left, right = set(read(left_path)), set(read(right_path))
    for path, only in ((left_path, left - right), (right_path, right - left)):
        for key, data in sorted(only)[:most]:
            print(f"only in {path}: {key} {data}")
    return 1 if left != right else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--diff"]:
        sys.exit(show_difference(*sys.argv[2:]))
    for name in sys.argv[1:]:
        print(*digest(name), name)
