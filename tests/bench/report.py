"""Tables and figures of what was measured, each with the machine and the versions."""
import json
import os
import platform
import re
import shutil
import subprocess
import time

# measured command, other command, how many times faster it is to be, of which tables
TARGETS = [
    ("acc-merge-2", "DuckDB-2", {"merge small-47MB": 5, "merge small-470MB": 3, "merge wide-47MB": 6,
                                 "merge wide-470MB": 4, "merge skew-47MB": 6, "merge skew-470MB": 3,
                                 "merge array-47MB": 4, "merge array-470MB": 4}),
    ("acc-merge-1", "DuckDB-1", {"merge small-47MB": 5, "merge small-470MB": 3}),
    ("acc-merge-2", "simdjson-2", {"merge small-47MB": 1.5, "merge small-470MB": 1.5}),
    ("acc-merge-2", "jq", {"merge small-47MB": 80}),
    ("acc-fetch|acc-merge", "DuckDB-2", {"merge array-47MB": 4, "merge array-470MB": 4}),
    ("fetch|merge|split|put", "acc-merge", {"chain small-47MB": 1 / 1.6, "chain small-470MB": 1 / 1.6}),
]
FETCH_TARGETS = {"fetch small": 1.0, "fetch array": 0.6}        # GB/s
SCRATCH_TARGET = 2                                              # times the input
SPILL_PEAK_TARGET = 300_000_000
START_TARGET = 0.005


class Table:
    """Results of one interleaved run; input_bytes and records are None where they vary."""

    def __init__(self, title, results, input_bytes, records, what):
        self.title, self.results = title, results
        self.input_bytes, self.records, self.what = input_bytes, records, what


def output_of(*command):
    if not shutil.which(command[0]):
        return None
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stdout or done.stderr).strip().splitlines()[0] if done.returncode == 0 else None


def cpu():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        text = file.read()
    model = re.search(r"^model name\s*:\s*(.*)$", text, re.M)
    simd = [name for name in ("avx2", "avx512bw") if re.search(rf"\b{name}\b", text)]
    return f"{model.group(1) if model else platform.machine()} ({', '.join(simd) or 'no AVX2'})"


def versions(bench_dir):
    here = os.path.dirname(os.path.abspath(__file__))
    found = [output_of("jq", "--version"), output_of("gojq", "--version"),
             output_of("mlr", "--version"), output_of("python3", "--version"),
             output_of("sort", "--version")]
    for name in ("@duckdb/node-api", "nodejs-polars"):
        path = os.path.join(here, "node_modules", name, "package.json")
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                found.append(f"{name} {json.load(file)['version']}")
    if os.path.exists(os.path.join(bench_dir, "simdjson_merge")):
        with open(os.path.join(bench_dir, "simdjson_merge.version"), encoding="ascii") as file:
            found.append(file.read().strip())
    return ", ".join(filter(None, found))


def machine(bench_dir):
    with open("/proc/meminfo", encoding="ascii") as file:
        memory = int(file.readline().split()[1]) >> 20
    return [
        f"{time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime())}; {cpu()}, "
        f"{len(os.sched_getaffinity(0))} cores, {memory} GiB, Linux {platform.release()}, "
        f"load {os.getloadavg()[0]:.1f}.",
        f"Peers: {versions(bench_dir)}. A suffix is the number of threads.",
        "Times are wall seconds of whole commands, reading from the page cache. Peak is the resident "
        "memory of the largest process, mapped input included (about 20 MB of it are the harness).",
    ]


def size(count):
    return f"{count / 1e9:.2f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def seconds(value):
    return f"{value:.4f}" if value < 0.1 else f"{value:.3f}" if value < 1 else f"{value:.2f}"


def base_of(table):
    """What the ratios are to: the first command of the toolkit, else the first."""
    names = list(table.results)
    return next((name for name in names if name.startswith("acc-")), names[0])


def rows(table):
    base = table.results[base_of(table)].median()
    for name, result in table.results.items():
        took = result.seconds()
        rate = f"{table.input_bytes / result.median() / 1e9:.2f} GB/s" if table.input_bytes else ""
        scratch = max(run.scratch for run in result.runs)
        yield [name, str(len(took)), seconds(result.median()), seconds(min(took)), seconds(max(took)),
               rate, f"{result.median() / base:.2f}", size(result.peak()),
               size(scratch) if scratch else ""]


def markdown(table):
    head = ["command", "runs", "median s", "min", "max", "input", f"x {base_of(table)}", "peak", "scratch"]
    lines = [f"### {table.title}", ""]
    if table.input_bytes:
        lines.append(f"{table.input_bytes:,} bytes, {table.records:,} records. ")
    lines += [f"Whole commands, interleaved; {table.what}.", "",
              "| " + " | ".join(head) + " |", "| --- |" + " ---: |" * (len(head) - 1)]
    lines += ["| " + " | ".join(cell.replace("|", r"\|") for cell in row) + " |" for row in rows(table)]
    return lines + [""]


def verdict(met):
    return "met" if met else "MISSED"


def ratio_targets(table):
    for name, other, wanted in TARGETS:
        if table.title in wanted and name in table.results and other in table.results:
            times = table.results[other].median() / table.results[name].median()
            least = wanted[table.title]
            if least < 1:
                yield (f"{table.title}: {name} takes {1 / times:.2f} times {other} "
                       f"(at most {1 / least:.2f}): {verdict(times >= least)}")
            else:
                yield (f"{table.title}: {name} is {times:.2f} times as fast as {other} "
                       f"(at least {least:g}): {verdict(times >= least)}")


def fetch_targets(table):
    for prefix, least in FETCH_TARGETS.items():
        if table.title.startswith(prefix):
            rate = table.input_bytes / table.results["acc-fetch"].median() / 1e9
            yield f"{table.title}: acc-fetch reads {rate:.2f} GB/s (at least {least}): {verdict(rate >= least)}"


def scale_targets(table):
    names = list(table.results)
    pairs = [(small, large, 10.5) for small, large in zip(names, names[1:]) if "-S" not in large]
    pairs += [(names[0], name, 25) for name in names if "-S" in name]
    for small, large, most in pairs if table.title == "scale" else []:
        times = table.results[large].median() / table.results[small].median()
        yield f"scale: {large} takes {times:.1f} times {small} (at most {most}): {verdict(times <= most)}"


def spill_targets(table):
    merge, sort = table.results.get("acc-merge -S 256M"), table.results.get("sort -S 256M")
    if not merge or not sort:
        return
    scratch = max(run.scratch for run in merge.runs) / table.input_bytes
    yield (f"{table.title}: acc-merge peaks at {size(merge.peak())} (at most {size(SPILL_PEAK_TARGET)}): "
           f"{verdict(merge.peak() <= SPILL_PEAK_TARGET)}")
    yield (f"{table.title}: acc-merge's scratch is {scratch:.2f} times the input (at most "
           f"{SCRATCH_TARGET}): {verdict(scratch <= SCRATCH_TARGET)}")
    yield (f"{table.title}: sort takes {sort.median() / merge.median():.2f} times as long "
           f"(more than 1): {verdict(sort.median() > merge.median())}")


def start_targets(table):
    for name, result in table.results.items():
        if table.title == "start" and name.endswith("--version") and name.startswith("acc-"):
            yield (f"start: {name} takes {result.median() * 1e3:.1f} ms (under "
                   f"{START_TARGET * 1e3:g}): {verdict(result.median() < START_TARGET)}")


def targets(tables):
    import cloud  # which needs this module

    for table in tables:
        for check in (ratio_targets, fetch_targets, scale_targets, spill_targets, start_targets, cloud.targets):
            yield from check(table)


def as_json(tables):
    return [{"title": table.title, "what": table.what, "input_bytes": table.input_bytes,
             "records": table.records,
             "commands": {name: [vars(run) for run in result.runs]
                          for name, result in table.results.items()}} for table in tables]


BARS = """set terminal svg size 900,{height} font 'sans-serif,13' background '#ffffff'
set output '{svg}'
set datafile separator '\\t'
set title '{title}' noenhanced
set xlabel 'seconds, median (smallest to largest); logarithmic'
set logscale x
set yrange [-0.7:{top}]
set xrange [{low}:{high}]
set grid x
set ytics noenhanced
unset key
set style fill solid 0.8 noborder
plot '{data}' using (sqrt({low}*$2)):1:({low}):2:($1-0.35):($1+0.35):5:ytic(6) with boxxyerror lc rgb variable, \\
     '' using 2:1:3:4 with xerrorbars lc rgb '#333333' pt 0, \\
     '' using ($4*1.12):1:7 with labels left font ',11'
"""


def draw(table, directory):
    """One bar for each command, the fastest on top."""
    path = os.path.join(directory, re.sub(r"[^A-Za-z0-9.]+", "-", table.title))
    order = sorted(table.results.values(), key=lambda result: result.median(), reverse=True)
    low = min(min(result.seconds()) for result in order) / 3
    high = max(max(result.seconds()) for result in order) * 3
    with open(path + ".tsv", "w", encoding="utf-8") as file:
        for place, result in enumerate(order):
            took, colour = result.seconds(), 0x2b7a5b if "acc-" in result.name else 0x9aa7b5
            file.write("\t".join(map(str, [place, result.median(), min(took), max(took), colour,
                                           result.name, seconds(result.median())])) + "\n")
    script = BARS.format(svg=path + ".svg", data=path + ".tsv", height=120 + 28 * len(order),
                         top=len(order) - 0.3, low=low, high=high,
                         title=f"{table.title}: wall time of whole commands")
    subprocess.run(["gnuplot"], input=script, text=True, check=True)



def write(tables, directory, options):
    lines = [*machine(directory), ""]
    for table in tables:
        lines += markdown(table)
    lines += [f"- {line}" for line in targets(tables)]
    text = "\n".join(lines) + "\n"
    print(text, end="")
    with open(os.path.join(directory, "results.md"), "w", encoding="utf-8") as file:
        file.write(text)
    with open(os.path.join(directory, "results.json"), "w", encoding="utf-8") as file:
        json.dump({"machine": machine(directory), "options": vars(options), "tables": as_json(tables)},
                  file, indent=1)
    if shutil.which("gnuplot"):
        for table in tables:
            draw(table, directory)
