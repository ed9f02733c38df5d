"""The same work with Python's json.  usage: merge.py lines|array list file >out"""
import json
import sys


def records(shape, path):
    with open(path, encoding="utf-8") as file:
        if shape == "array":
            yield from json.load(file)
        else:
            yield from map(json.loads, file)


def first_values(offers):
    data = {}
    for rank in sorted(offers):
        for name, value in offers[rank].items():
            if data.get(name) is None:
                data[name] = value
    return data


def main():
    shape, list_path, path = sys.argv[1:]
    with open(list_path, encoding="utf-8") as file:
        ranks = {name: rank for rank, name in enumerate(json.load(file))}
    accommodations = {}
    for record in records(shape, path):
        offers = accommodations.setdefault(record["accommodation_id"], {})
        offers[ranks[record["partner_name"]]] = record["accommodation_data"]
    for key, offers in accommodations.items():
        out = {"accommodation_id": key, "accommodation_data": first_values(offers)}
        print(json.dumps(out, ensure_ascii=False, separators=(",", ":")))


main()
