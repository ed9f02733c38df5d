#!/usr/bin/env python3
"""Fail every system call and allocation of each command once, in turn, and look at what is left.

Whatever fails, a command must not crash or hang, must not leave a wrong or partial result under a final name, must
say what is wrong when its status is not 0, and may only end with 0 when everything is exactly as it should be.

    faults.py --shim faults.so --bin build/bin [--sample N] [--only REGEX] [--jobs N] [--seed N]
"""
import argparse
import collections
import concurrent.futures
import errno
import gzip
import hashlib
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
KINDS = re.findall(r"X\((\w+)\)", re.search(r"#define KINDS\(X\)(.*?)\n\n", open(f"{HERE}/faults.c").read(), re.S).group(1))
# How each kind fails; 0 is the shortest transfer.
HOW = collections.defaultdict(lambda: [errno.EIO], {
    "read": [errno.EIO, 0, errno.EINTR], "pread": [errno.EIO, 0, errno.EINTR],
    "write": [errno.ENOSPC, 0, errno.EINTR, errno.EIO], "recv": [errno.ECONNRESET, 0, errno.EINTR],
    "send": [errno.ECONNRESET, 0, errno.EINTR], "open": [errno.EMFILE, errno.EACCES, errno.ENOENT],
    "openat": [errno.EMFILE, errno.EACCES, errno.ENOENT], "fsync": [errno.EIO, errno.ENOSPC],
    "linkat": [errno.EIO, errno.ENOSPC, errno.EPERM], "renameat": [errno.EIO, errno.ENOSPC],
    "renameat2": [errno.EIO, errno.EINVAL], "mkdirat": [errno.ENOSPC], "mkostemp": [errno.ENOSPC],
    "mmap": [errno.ENOMEM], "malloc": [errno.ENOMEM], "calloc": [errno.ENOMEM], "realloc": [errno.ENOMEM],
    "fork": [errno.EAGAIN], "pipe2": [errno.EMFILE], "socketpair": [errno.EMFILE], "fopen": [errno.EMFILE],
    "opendir": [errno.EMFILE], "pthread_create": [errno.EAGAIN], "posix_spawnp": [errno.ENOMEM],
    "poll": [errno.ENOMEM, errno.EINTR], "memfd_create": [errno.EMFILE], "waitpid": [errno.EINTR],
    "fcntl": [errno.EPERM], "dup2": [errno.EBUSY], "mkdtemp": [errno.ENOSPC, errno.EACCES], "setenv": [errno.ENOMEM],
    "flock": [errno.EWOULDBLOCK, errno.ENOLCK, errno.EINTR], "fdopendir": [errno.ENOMEM], "waitid": [errno.EINTR],
    "execvp": [errno.ENOENT, errno.ENOMEM],
    "access": [errno.EACCES], "faccessat": [errno.EACCES], "rmdir": [errno.EBUSY],
})
TIMEOUT = 30


class Broken(Exception):
    pass


def require(truth, text):
    if not truth:
        raise Broken(text)


def read(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return b""


def tree(path):
    return {os.path.relpath(os.path.join(at, name), path): read(os.path.join(at, name))
            for at, _, names in os.walk(path) for name in names}


def lines(text):
    return [line for line in text.split(b"\n")[:-1]]


def is_subsequence(few, many):
    many = iter(many)
    return all(any(one == other for other in many) for one in few)


# ---- what each command leaves

class Outcome:
    def __init__(self, directory, status):
        at = lambda name: os.path.join(directory, name)
        mark = lambda text: text.replace(directory.encode(), b"@")
        self.status = status
        self.out, self.err = mark(read(at("out"))), mark(read(at("err")))
        self.rejects = mark(read(at("rejects")))
        self.journal = read(at("journal"))
        self.temporary = tree(at("tmp"))
        self.made = {name: mark(text) for name, text in tree(at("made")).items()}
        self.spool = tree(at("spool"))

    def same_as(self, other):
        return all(getattr(self, name) == getattr(other, name) for name in ("out", "rejects", "made", "spool"))


def records_stay(one, right):
    """Of a command that prints records: what comes out is right, as far as it comes."""
    require(is_subsequence(lines(one.out), lines(right.out)), "a line came out that should not")
    if one.status == 3 and one.out and not one.out.endswith(b"\n"):
        rest = one.out.rsplit(b"\n", 1)[-1]
        require(any(line.startswith(rest) for line in lines(right.out)), "half a wrong line came out")


def consolidation_stays(one, right):
    """What acc-merge prints may lack records that it says it could not read, and what follows from them."""
    ids = {json.loads(line)["accommodation_id"] for line in lines(right.out)}
    for line in lines(one.out):
        require(json.loads(line)["accommodation_id"] in ids, "an accommodation came out that never went in")
    if one.status == 3:
        require(right.out.startswith(one.out), "a wrong line came out")


def final_files(made):
    return {name: text for name, text in made.items() if not os.path.basename(name).startswith(".acc-")}


def files_stay(one, right):
    """Of acc-split: a file under its final name is whole, announced, and what it is announced to be."""
    announced = {os.path.basename(json.loads(line)["path"]): json.loads(line) for line in lines(one.out)}
    for name, text in final_files(one.made).items():
        entry = announced.get(os.path.basename(name))
        require(entry or one.call == "unlink", f"{name} is there, but nobody was told")
        if entry:
            require(hashlib.sha256(text).hexdigest() == entry["sha256"], f"{name} is not what was announced")
        require(text == right.made.get(name) or one.status == 1, f"{name} has the wrong content")
    for name in announced:
        require(name in map(os.path.basename, one.made), f"{name} was announced, but is not there")


def objects_stay(one, right):
    """Of acc-put: a stored object is whole, a receipt tells the truth, no file left the spool unless it is stored."""
    stored = {hashlib.sha256(text).hexdigest() for text in one.made.values()}
    for name, text in final_files(one.made).items():
        if name == "receipts" and one.status == 1:
            require(is_subsequence(lines(text), lines(right.made[name])), "a receipt for nothing in the list")
        else:
            require(text == right.made.get(name), f"{name} has the wrong content")
    for line in lines(one.out):
        require(json.loads(line)["sha256"] in stored, "a receipt for nothing")
    for line in lines(right.manifest):
        entry = json.loads(line)
        require(os.path.basename(entry["path"]) in one.spool or entry["sha256"] in stored, "a file was lost")


def chain_stays(one, right):
    """Of acc-consolidate: everything or nothing is stored, unless it was acc-put that failed."""
    for name, text in final_files(one.made).items():
        require(text == right.made.get(name) or one.status == 1, f"{name} has the wrong content")


def drain_stays(one, right):
    """Of acc-sqs-drain: an answer without failures is given only when the work is done."""
    if one.out:
        require(one.out == right.out and one.made == right.made or json.loads(one.out)["batchItemFailures"],
                "the messages count as done, and are not")
    require(one.out or one.status != 0, "no answer, and status 0")


# ---- the scenarios

class Scenario:
    def __init__(self, name, tool, arguments, stays, stdin=None, input_of=None, spool=None, command=None, counted=True):
        self.name, self.tool, self.arguments, self.stays = name, tool, arguments, stays
        self.stdin, self.input_of, self.spool, self.command, self.counted = stdin, input_of, spool, command, counted


AT = ["--at", "2021-02-03T04:05:06.789Z"]
SCENARIOS = [
    Scenario("fetch files", "acc-fetch", "-j 2 --rejects rejects a.jsonl b.jsonl.gz c.jsonl.zst bad.jsonl".split(), records_stay),
    Scenario("fetch a directory", "acc-fetch", "-j 1 catalogs/ tree/*/?.jsonl".split(), records_stay),
    Scenario("fetch references", "acc-fetch", [], records_stay, stdin="references"),
    Scenario("fetch with jq", "acc-fetch", ["-j", "1", "--map", "map.jq", "--select", ".accommodation_id != \"5\"", "a.jsonl"], records_stay),
    Scenario("list", "acc-fetch", ["--list", "catalogs/"], records_stay),
    Scenario("merge files", "acc-merge", "-j 1 --priority priority.json --rejects rejects a.jsonl b.jsonl.gz bad.jsonl".split(), consolidation_stays),
    Scenario("merge a pipe", "acc-merge", "-j 2 --priority B,A,C".split(), consolidation_stays, stdin="many.jsonl"),
    Scenario("merge by rules", "acc-merge", "-j 1 --priority B,A,C --rules rules.json a.jsonl".split(), consolidation_stays),
    Scenario("merge on disk", "acc-merge", "-j 1 -S 16K -T tmp --priority B,A,C".split(), consolidation_stays, stdin="many.jsonl"),
    Scenario("merge on disk, two threads", "acc-merge", "-j 2 -S 16K -T tmp --priority B,A,C many.jsonl".split(), consolidation_stays),
    Scenario("split", "acc-split", ["-b", "4K", "-d", "made"] + AT, files_stay, stdin="many.jsonl"),
    Scenario("split, compressed", "acc-split", ["-b", "4K", "-d", "made/below", "-z", "gzip", "many.jsonl"] + AT, files_stay),
    Scenario("split into shards", "acc-split", ["-b", "8K", "-d", "made", "-z", "zstd", "--shards", "3", "many.jsonl"] + AT, files_stay),
    Scenario("put", "acc-put", ["-j", "1", "made"] + AT, objects_stay, input_of="manifest", spool=True),
    Scenario("put over what is there", "acc-put", ["-j", "2", "--if-exists", "overwrite", "--manifest", "receipts", "made"] + AT,
             objects_stay, input_of="manifest", spool=True),
    Scenario("put again", "acc-put", ["-j", "1", "--keep", "made"] + AT, objects_stay, input_of="manifest", spool="stored"),
] + [
    Scenario(f"chain, {tool[4:]}", tool, ["-j", "1", "-b", "4K", "--priority", "B,A,C", "a.jsonl", "many.jsonl", "made"] + AT, chain_stays,
             command="acc-consolidate", counted=False)
    for tool in ("acc-fetch", "acc-merge", "acc-split", "acc-put")
] + [
    Scenario("drain an event", "acc-sqs-drain", ["--trust-status", "--event", "event", "--", "sh", "-c", "cat >made/references"],
             drain_stays),
]


def make_inputs(directory):
    at = lambda name: os.path.join(directory, name)
    record = lambda number, partner, **data: json.dumps({"partner_name": partner, "accommodation_id": str(number), "accommodation_data": data}) + "\n"
    text = "".join(record(n, p, name=f"{p} {n}", stars=n, **({"city": "x"} if p == "A" else {})) for n in range(1, 9) for p in "ABC")
    files = {
        "a.jsonl": text, "bad.jsonl": record(50, "A", x=1) + "not json\n" + record(51, "A", x=2),
        "many.jsonl": "".join(record(n * 7 % 151, "CAB"[n % 3], name="n" * (n % 50), n=n) for n in range(400)),
        "priority.json": '["A","B","C"]', "rules.json": '{"fields":{"stars":"max","name":{"jq":"map(.value)|add"}}}',
        "map.jq": ".accommodation_data.mapped = true", "references": 'a.jsonl\n{"uri":"many.jsonl","messages":[{"id":"m"}]}\n',
        "catalogs/1.jsonl": record(1, "A", x=1), "catalogs/year=2021/2.jsonl": record(2, "A", x=2), "tree/x/3.jsonl": record(3, "B", x=1),
    }
    notification = json.dumps({"Records": [{"eventVersion": "2.1", "eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
                                            "s3": {"bucket": {"name": "src"}, "object": {"key": "a.jsonl"}}}]})
    files["event"] = json.dumps({"Records": [{"messageId": f"m{n}", "receiptHandle": "h", "body": notification} for n in range(2)]})
    for name, content in files.items():
        os.makedirs(os.path.dirname(at(name)), exist_ok=True)
        with open(at(name), "w") as file:
            file.write(content)
    with open(at("b.jsonl.gz"), "wb") as file:
        file.write(gzip.compress(text.encode(), mtime=0))
    subprocess.run(["zstd", "-q", at("a.jsonl"), "-o", at("c.jsonl.zst")], check=True) if shutil.which("zstd") else \
        shutil.copy(at("b.jsonl.gz"), at("c.jsonl.zst"))
    for name in os.listdir(directory):
        if os.path.isfile(at(name)):
            os.utime(at(name), (1612350000, 1612350000))
    for name in ("catalogs/1.jsonl", "catalogs/year=2021/2.jsonl", "tree/x/3.jsonl"):
        os.utime(at(name), (1612350000, 1612350000))


class Bench:
    """A worker's own directory; every run finds it as the first did."""

    def __init__(self, options, root):
        self.options = options
        self.directory = tempfile.mkdtemp(dir=root)
        make_inputs(self.directory)
        self.manifest = self.fill_spool()
        self.right = {}

    def path(self, name):
        return os.path.join(self.directory, name)

    def fill_spool(self):
        made = subprocess.run([f"{self.options.bin}/acc-split", "-b", "4K", "-d", "spool", "many.jsonl"] + AT,
                              cwd=self.directory, check=True, capture_output=True).stdout
        os.rename(self.path("spool"), self.path("spool.kept"))
        with open(self.path("manifest"), "wb") as file:
            file.write(made)
        return made

    def reset(self, scenario):
        for name in ("out", "err", "rejects", "journal"):
            if os.path.exists(self.path(name)):
                os.unlink(self.path(name))
        for name in ("tmp", "made", "spool"):
            shutil.rmtree(self.path(name), ignore_errors=True)
            os.mkdir(self.path(name))
        if scenario.spool:
            for name in os.listdir(self.path("spool.kept")):
                shutil.copy(self.path(f"spool.kept/{name}"), self.path(f"spool/{name}"))
        if scenario.spool == "stored":
            subprocess.run([f"{self.options.bin}/acc-put", "--keep", "-q", "made"] + AT, cwd=self.directory, check=True,
                           stdin=open(self.path("manifest")), stdout=subprocess.DEVNULL)

    def run(self, scenario, call=None, at=0, how=0):
        """The outcome, the calls counted, and whether the fault happened."""
        self.reset(scenario)
        with open(self.path("table"), "wb") as file:
            file.write(bytes(4096))
        environment = {"PATH": f"{self.options.bin}:/usr/bin:/bin", "TMPDIR": self.path("tmp"), "LC_ALL": "C.UTF-8",
                       "ACC_JOURNAL": self.path("journal"), "LD_PRELOAD": self.options.shim,
                       "FAULTS_TABLE": self.path("table"), "FAULTS_TOOL": scenario.tool}
        if call:
            environment.update(FAULTS_CALL=call, FAULTS_AT=str(at), FAULTS_HOW=str(how))
        stdin = open(self.path(scenario.stdin or scenario.input_of or os.devnull), "rb")
        with stdin, open(self.path("out"), "wb") as out, open(self.path("err"), "wb") as err:
            process = subprocess.Popen([f"{self.options.bin}/{scenario.command or scenario.tool}"] + scenario.arguments,
                                       cwd=self.directory, env=environment, stdin=stdin, stdout=out, stderr=err,
                                       start_new_session=True)
            try:
                status = process.wait(TIMEOUT)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, 9)
                process.wait()
                raise Broken("it hangs")
        table = memoryview(read(self.path("table"))).cast("I")
        one = Outcome(self.directory, status)
        one.call = call
        one.manifest = self.manifest
        return one, dict(zip(KINDS, table)), table[len(KINDS)] > 0

    def reference(self, scenario):
        if scenario.name not in self.right:
            self.right[scenario.name], self.right[scenario.name, "counts"], _ = self.run(scenario)
            first = self.right[scenario.name]
            again, _, _ = self.run(scenario)
            if not first.same_as(again) or first.status not in (0, 1):
                raise SystemExit(f"faults: '{scenario.name}' does not do the same twice: {first.status} {first.err} {first.out} {again.out}")
        return self.right[scenario.name]


def journal_status(journal, tool):
    done = [json.loads(line) for line in lines(journal) if b'"event":"done"' in line]
    done = [entry["status"] for entry in done if entry["tool"] == tool]
    return done[-1] if done else None


def judge(scenario, right, one, call, how, happened):
    harmless = not happened or how == 0
    require(one.status >= 0, f"it was killed by signal {-one.status}")
    require(one.status in (0, 1, 2, 3), f"status {one.status}")
    if one.status == 2:  # a rules file, say, that cannot be opened
        require(not one.out and not one.made, "status 2 says that nothing was done")
    if one.status == 0 or (one.status == right.status and harmless):
        if call == "unlink" or (call == "stat" and b"cannot remove" in one.err):
            one.spool = right.spool  # a file that cannot be removed is a warning
        if scenario.name == "put again" and how == errno.EACCES and call == "openat":
            return  # what may not be read is somebody else's, and gets another name beside it
        require(one.same_as(right) and one.status == right.status, f"status {one.status}, but not everything is as it should be")
    else:
        require(one.err or call == "write", "it says nothing")
    if not happened:
        require(one.status == right.status, "no fault, but a failure")
    scenario.stays(one, right)
    if scenario.counted:
        done = journal_status(one.journal, scenario.tool)
        require(done is None or done == one.status or (done == 0) < (one.status == 0) or done != 0,
                f"done with {done} in the journal, status {one.status}")
        require(one.status not in (0, 1) or done == one.status, "the journal does not say that it is done")
    if call not in ("unlink", "unlinkat", "linkat", "rmdir"):
        left = list(one.temporary) + [name for name in one.made if os.path.basename(name).startswith(".acc-")]
        require(not left, f"temporary files are left: {left}")


def all_faults(options, bench, scenario, choose):
    bench.reference(scenario)
    for call, n in bench.right[scenario.name, "counts"].items():
        every = [(scenario, call, at, how) for at in range(1, n + 1) for how in HOW[call]]
        yield from choose.sample(every, min(options.sample, len(every)))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--shim", required=True)
    parser.add_argument("--bin", required=True)
    parser.add_argument("--sample", type=int, default=1 << 30, help="try only so many of each kind in each scenario")
    parser.add_argument("--only", default="", help="scenarios and calls: a regular expression for 'SCENARIO: CALL'")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    options = parser.parse_args()
    options.shim, options.bin = os.path.abspath(options.shim), os.path.abspath(options.bin)
    choose = random.Random(options.seed)
    tally, found, lock = collections.Counter(), [], threading.Lock()
    local = threading.local()
    with tempfile.TemporaryDirectory(prefix="faults.") as root:
        first = Bench(options, root)
        faults = [fault for scenario in SCENARIOS for fault in all_faults(options, first, scenario, choose)
                  if re.search(options.only, f"{scenario.name}: {fault[1]}")]
        print(f"faults: seed {options.seed}, {len(faults)} faults in {len(SCENARIOS)} scenarios", flush=True)

        def attempt(fault):
            scenario, call, at, how = fault
            if not hasattr(local, "bench"):
                local.bench = Bench(options, root)
            bench, one = local.bench, None
            try:
                right = bench.reference(scenario)
                one, _, happened = bench.run(scenario, call, at, how)
                judge(scenario, right, one, call, how, happened)
                with lock:
                    tally[f"status {one.status}"] += 1
                    tally["happened"] += happened
                    tally["tried"] += 1
                    if options.verbose and tally["tried"] % 1000 == 0:
                        print(f"faults: {tally['tried']} tried", flush=True)
            except Broken as broken:
                with lock:
                    name = errno.errorcode.get(how, "short")
                    found.append(f"{scenario.name}: {call} {at} ({name}): {broken}")
                    print(f"faults: {found[-1]}" + (f"\n\tstatus {one.status}: {one.err.decode(errors='replace')[:300]}" if one else ""), flush=True)

        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            list(pool.map(attempt, faults))
    print(f"faults: {tally['happened']} calls failed; " + ", ".join(f"{tally[f'status {s}']} ended with {s}" for s in (0, 1, 3))
          + f"; {len(found)} broke a promise")
    sys.exit(bool(found) or not faults)


main()
