#!/usr/bin/env python3
"""The drained chain on the emulators, killed at random and behind a network that lies; nothing may get lost.

    chaos.py --bin build/bin --shim network.so --kills N --runs N [--seed N] [--lanes N] [--only SEED]

--kills: SIGKILL for a random process of the chain at a random moment, N times, then clean runs until the queue is
empty. --runs: N runs behind a proxy, each with faults of the network of its own. Work is done in stretches, each with
its own queue, buckets and seed, several at once. At the end of each
  - the stored output, merged, is byte for byte what the catalogs give on files, and the queue is empty;
  - of every message that was deleted, the server's log shows that all records of its object had been stored, by PUTs
    that were over before the delete began;
  - nothing is left in TMPDIR.
--only repeats a stretch by the seed that its failure names, of kills or of runs as the other arguments say.
"""
import argparse
import base64
import collections
import concurrent.futures
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
KEYS = {"AKIDTEST", "AKIDROLE"}
RECORDS = 30  # of an object
KILLS_IN_STRETCH, RUNS_IN_STRETCH = 25, 10
PATIENCE = 300  # seconds until a chain counts as hanging


class Broken(Exception):
    pass


class World:
    """The servers, which all stretches share."""

    def __init__(self, options, directory):
        self.options, self.directory = options, directory
        self.servers_directory = os.path.join(directory, "servers")
        os.mkdir(self.servers_directory)
        self.servers = subprocess.Popen(["node", f"{HERE}/../servers/servers.mjs", self.servers_directory],
                                        env={**os.environ, "NODE_NO_WARNINGS": "1"}, stdout=subprocess.DEVNULL)
        port = os.path.join(self.servers_directory, "port")
        for _ in range(600):
            if os.path.exists(port):
                break
            time.sleep(0.1)
        self.port = open(port).read()
        self.endpoint = "http://127.0.0.1:" + self.port
        self.control(do="hook", name="log-bodies", value=True)
        self.sdk("dynamodb", "CreateTable", TableName="lists", BillingMode="PAY_PER_REQUEST",
                 KeySchema=[{"AttributeName": "ContentType", "KeyType": "HASH"}],
                 AttributeDefinitions=[{"AttributeName": "ContentType", "AttributeType": "S"}])
        self.sdk("dynamodb", "PutItem", TableName="lists",
                 Item={"ContentType": {"S": "PriorityList"}, "partner_list": {"L": [{"S": "B"}, {"S": "A"}]}})

    def control(self, **order):
        request = urllib.request.Request(self.endpoint + "/_control", json.dumps(order).encode())
        try:
            return json.load(urllib.request.urlopen(request))
        except urllib.error.HTTPError as error:
            raise Broken(f"the servers do not do {order}: {error.read()}") from error

    def sdk(self, service, command, **values):
        return self.control(do="sdk", service=service, command=command, input=values)

    def log(self):
        return os.path.join(self.servers_directory, "log")

    def close(self):
        self.servers.kill()
        self.servers.wait()


class Lane:
    """What a worker has of its own, for one stretch after the other."""

    def __init__(self, world):
        self.world = world
        self.directory = tempfile.mkdtemp(prefix="lane.", dir=world.directory)
        self.proxy = subprocess.Popen(["node", f"{HERE}/proxy.mjs", world.endpoint], stdout=subprocess.PIPE, text=True)
        self.proxy_port = self.proxy.stdout.readline().strip()
        self.proxy_url = "http://127.0.0.1:" + self.proxy_port

    def seed(self, seed):
        """Faults by another seed; tells what was played until now."""
        return json.load(urllib.request.urlopen(urllib.request.Request(self.proxy_url + "/_seed", str(seed).encode())))

    def close(self):
        self.proxy.kill()
        self.proxy.wait()


class Stretch:
    def __init__(self, lane, seed):
        self.lane, self.world, self.seed, self.choose = lane, lane.world, seed, random.Random(seed)
        self.bin = self.world.options.bin
        self.tally = collections.Counter()
        self.directory = tempfile.mkdtemp(prefix="stretch.", dir=lane.directory)
        self.tmp, self.files = os.path.join(self.directory, "tmp"), os.path.join(self.directory, "files")
        os.mkdir(self.tmp)
        os.mkdir(self.files)
        name = os.path.basename(self.directory)[len("stretch."):].lower().replace("_", "-") + f"-{seed}"
        self.source, self.dest = f"src-{name}x", f"dest-{name}x"
        self.mark = os.path.getsize(self.world.log())
        self.objects = 0
        for bucket in (self.source, self.dest):
            self.world.sdk("s3", "CreateBucket", Bucket=bucket)
        self.queue = self.world.sdk("sqs", "CreateQueue", QueueName=f"q-{name}")["QueueUrl"]
        self.environment = {
            "PATH": f"{self.bin}:/usr/bin:/bin", "TMPDIR": self.tmp, "LC_ALL": "C.UTF-8", "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": self.world.endpoint, "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_EC2_METADATA_DISABLED": "true", "AWS_MAX_ATTEMPTS": "3"}
        self.keys = {"AWS_ACCESS_KEY_ID": "AKIDTEST", "AWS_SECRET_ACCESS_KEY": "test-secret-key-not-to-be-printed"}
        # keys that can be fetched anew when they are called expired
        self.role = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": self.world.endpoint + "/container",
                     "AWS_CONTAINER_AUTHORIZATION_TOKEN": "container-token"}

    # ---- what goes in

    def announce(self, objects):
        """New objects, with a message for each; half of them announced twice."""
        for n in range(self.objects, self.objects + objects):
            path = os.path.join(self.files, f"{n:03}.jsonl")
            with open(path, "w") as file:
                for i in range(RECORDS):
                    file.write(json.dumps({"partner_name": "ABC"[n % 3], "accommodation_id": str(n * 1000 + i),
                                           "accommodation_data": {"name": f"hotel {n} {i}", "n": i}}) + "\n")
            self.world.sdk("s3", "PutObject", Bucket=self.source, Key=f"in/{n:03}.jsonl", BodyFile=path, ChecksumAlgorithm="SHA256")
            body = {"Records": [{"eventVersion": "2.1", "eventSource": "aws:s3", "eventTime": "2021-02-01T11:07:57.885Z",
                                 "eventName": "ObjectCreated:Put",
                                 "s3": {"bucket": {"name": self.source}, "object": {"key": f"in/{n:03}.jsonl"}}}]}
            for _ in range(1 + n % 2):
                self.world.sdk("sqs", "SendMessage", QueueUrl=self.queue, MessageBody=json.dumps(body))
        self.objects += objects

    # ---- runs

    def start(self, arguments, **environment):
        self.errors = open(os.path.join(self.directory, "stderr"), "ab")
        with self.errors:
            return subprocess.Popen(arguments, env={**self.environment, **self.keys, **environment}, start_new_session=True,
                                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.errors)

    def drain(self, batch=4, **environment):
        return self.start([f"{self.bin}/acc-sqs-drain", "--wait", "0", "--visibility", "1", "--batch", str(batch), self.queue, "--",
                           f"{self.bin}/acc-consolidate", "--latest", "--priority", "dynamodb://lists", f"s3://{self.dest}/"],
                          **environment)

    def wait(self, process):
        try:
            out, _ = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise Broken("it hangs") from None
        until = time.monotonic() + PATIENCE
        while processes_of(process.pid):  # what outlives its parent comes to its end, too
            if time.monotonic() > until:
                raise Broken(f"left behind: {processes_of(process.pid)}")
            time.sleep(0.01)
        return process.returncode, out

    def size(self):
        attributes = self.world.sdk("sqs", "GetQueueAttributes", QueueUrl=self.queue, AttributeNames=["All"])["Attributes"]
        return int(attributes["ApproximateNumberOfMessages"]) + int(attributes["ApproximateNumberOfMessagesNotVisible"])

    def finish(self, honest=True):
        """Clean runs until the queue is empty, with at least one batch; then look at everything."""
        self.announce(1)
        for _ in range(30):
            status, _ = self.wait(self.drain(batch=1000))
            if self.size() == 0:
                break
            time.sleep(1.1)
        else:
            raise Broken(f"the queue does not become empty; the last run ended with {status}")
        left = os.listdir(self.tmp)
        if left and not any(os.listdir(os.path.join(self.tmp, name)) for name in left):
            time.sleep(6)  # killed before they were locked: for some seconds nobody can tell
            self.announce(1)
            self.wait(self.drain(batch=1000))
            left = os.listdir(self.tmp)
        if left:
            raise Broken(f"left in TMPDIR: {left}")
        stored = self.check_output()
        self.check_log(stored, honest)
        shutil.rmtree(self.directory)

    # ---- what came out

    def merge(self, paths):
        return subprocess.run([f"{self.bin}/acc-merge"] + paths, check=True, capture_output=True).stdout

    def check_output(self):
        """Compare it all; the ids in each stored object, by key."""
        stored, paths, ids, token = os.path.join(self.directory, "stored"), [], {}, {}
        os.mkdir(stored)
        while True:
            page = self.world.sdk("s3", "ListObjectsV2", Bucket=self.dest, **token)
            for entry in page.get("Contents", []):
                text = base64.b64decode(self.world.sdk("s3", "GetObject", Bucket=self.dest, Key=entry["Key"])["Body"])
                ids[entry["Key"]] = {json.loads(line)["accommodation_id"] for line in text.splitlines()}
                paths.append(os.path.join(stored, str(len(paths))))
                with open(paths[-1], "wb") as file:
                    file.write(text)
            if not page.get("IsTruncated"):
                break
            token = {"ContinuationToken": page["NextContinuationToken"]}
        right = self.merge(sorted(os.path.join(self.files, name) for name in os.listdir(self.files)))
        if self.merge(paths) != right:
            raise Broken(f"the stored output is not what the catalogs give; it is in {stored}")
        return ids

    def entries(self):
        with open(self.world.log()) as file:
            file.seek(self.mark)
            for line in file:
                if self.source in line or self.dest in line or self.queue in line:
                    yield json.loads(line)

    def check_log(self, stored, honest):
        object_of, known = {}, []  # of a receipt handle; (when its PUT was over, ids)
        deletes = []
        for entry in self.entries():
            if entry.get("key") not in KEYS:
                continue
            if honest and entry.get("signature") not in ("ok", None):
                raise Broken(f"a wrong signature: {entry}")
            if entry["operation"] == "ReceiveMessage" and entry.get("reply"):
                for message in json.loads(entry["reply"]).get("Messages", []):
                    key = json.loads(message["Body"])["Records"][0]["s3"]["object"]["key"]
                    object_of[message["ReceiptHandle"]] = int(key[3:6])
            elif entry["operation"] == "DeleteMessageBatch" and entry.get("reply"):
                deletes.append(entry)
            elif entry["operation"] == "PUT" and entry.get("status") == 200 and entry["url"].startswith(f"/{self.dest}/"):
                key = urllib.request.unquote(entry["url"].split("?")[0][len(self.dest) + 2:])
                known.append((entry["ended"], stored.get(key, set())))
        self.check_deletes(deletes, object_of, known)

    def check_deletes(self, deletes, object_of, known):
        deleted = set()
        for entry in deletes:
            before = set().union(*(ids for ended, ids in known if ended < entry["n"]))
            for one in json.loads(entry["body"])["Entries"]:
                n = object_of.get(one["ReceiptHandle"])
                if n is None:
                    continue  # a handle that nobody was given deletes nothing
                missing = {str(n * 1000 + i) for i in range(RECORDS)} - before
                if missing:
                    raise Broken(f"the message of object {n} was deleted before {len(missing)} of its records were stored")
                deleted.add(n)
                self.tally["deletes checked"] += 1
        if deleted != set(range(self.objects)):
            raise Broken(f"the log shows no delete for objects {sorted(set(range(self.objects)) - deleted)}")


def processes_of(session):
    """The live processes of a session, by name."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            text = open(f"/proc/{pid}/stat").read()
        except OSError:
            continue
        name, fields = text[text.index("(") + 1:text.rindex(")")], text[text.rindex(")") + 2:].split()
        if int(fields[3]) == session and fields[0] != "Z":
            found.append((int(pid), name))
    return found


# ---- the two kinds of stretches

def kill_one(stretch, seconds):
    drain = stretch.drain()
    deadline = time.monotonic() + stretch.choose.random() * seconds
    while time.monotonic() < deadline and drain.poll() is None:
        time.sleep(0.002)
    victims = processes_of(drain.pid)
    if victims:
        pid, name = stretch.choose.choice(victims)
        try:
            os.kill(pid, signal.SIGKILL)
            stretch.tally[name] += 1
        except ProcessLookupError:
            pass
    stretch.wait(drain)


def kill_stretch(stretch, kills):
    begun = time.monotonic()
    stretch.announce(4)
    stretch.wait(stretch.drain())  # to know how long it takes
    seconds = time.monotonic() - begun
    while (killed := sum(stretch.tally.values())) < kills:
        if stretch.size() == 0:
            stretch.announce(6)
        kill_one(stretch, seconds)
        if stretch.choose.random() < 0.3:
            time.sleep(1)
    stretch.finish()
    stretch.tally["kills"] = killed


def fault_run(stretch, shim):
    seed = stretch.choose.randrange(1 << 30)
    stretch.lane.seed(seed)
    environment = {"LD_PRELOAD": shim, "NETWORK_SEED": str(seed), "NETWORK_HOST": "endpoint.test",
                   "AWS_ENDPOINT_URL": f"http://endpoint.test:{stretch.lane.proxy_port}", "no_proxy": "*"}
    if stretch.choose.random() < 0.5:
        environment.update(stretch.role, AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="")
    if stretch.choose.random() < 0.3:
        listed, text = stretch.wait(stretch.start([f"{stretch.bin}/acc-fetch", "--list", f"s3://{stretch.source}/in/"], **environment))
        played = stretch.lane.seed(seed)
        stretch.tally.update(played)
        stretch.tally[f"lists with status {listed}"] += 1
        check_list(stretch, listed, text, played)
    status, _ = stretch.wait(stretch.drain(**environment))
    played = stretch.lane.seed(0)
    stretch.tally.update(played)
    stretch.tally["runs"] += 1
    stretch.tally[f"status {status}"] += 1
    stretch.tally["lookups that fail"] += seed % 8 < 5
    if status not in (0, 1, 3):
        raise Broken(f"status {status} with proxy seed {seed}")
    if status == 0 and seed % 8 == 0:
        raise Broken(f"status 0, though no name was ever found, with proxy seed {seed}")


def check_list(stretch, status, text, played):
    if status not in (0, 1, 3):
        raise Broken(f"a list ended with status {status}")
    keys = [json.loads(line)["uri"].rsplit("/", 1)[1] for line in text.splitlines()]
    right = [f"{n:03}.jsonl" for n in range(stretch.objects)]
    if played.get("corrupt list"):
        return  # nothing in it could tell; but what came out was JSON
    if keys != right[:len(keys)] or (status == 0 and keys != right):
        raise Broken(f"a list is wrong: status {status}, {keys}")


def fault_stretch(stretch, runs):
    for _ in range(runs):
        stretch.announce(3)
        fault_run(stretch, stretch.world.options.shim)
        time.sleep(0.3)
    stretch.finish(honest=False)  # a clock that was put wrong gives wrong signatures, until it is put right


# ---- all of them

def plan(options):
    if options.only is not None:
        return [(kill_stretch, options.only, options.kills)] if options.kills else [(fault_stretch, options.only, options.runs)]
    choose, work = random.Random(options.seed), []
    for play, total, part in ((fault_stretch, options.runs, RUNS_IN_STRETCH), (kill_stretch, options.kills, KILLS_IN_STRETCH)):
        part = min(part, max(1, -(-total // options.lanes)))
        work += [(play, choose.randrange(1 << 30), min(part, total - done)) for done in range(0, total, part)]
    return work


def work_off(world, work):
    """Tallies by kind, and what broke."""
    tallies, broken, lock, local, lanes = collections.defaultdict(collections.Counter), [], threading.Lock(), threading.local(), []

    def play(item):
        kind, seed, amount = item
        if not hasattr(local, "lane"):
            local.lane = Lane(world)
            lanes.append(local.lane)
        stretch = Stretch(local.lane, seed)
        try:
            kind(stretch, amount)
        except (Broken, OSError, KeyError, ValueError, subprocess.SubprocessError) as problem:
            with lock:
                broken.append(f"{kind.__name__} --only {seed}: {problem}")
                print(f"chaos: {broken[-1]}; see {stretch.directory}", file=sys.stderr, flush=True)
        with lock:
            tallies[kind] += stretch.tally
            done = [sum(tallies[k][name] for k in tallies) for name in ("kills", "runs")]
            if sys.stdout.isatty() or world.options.verbose:
                print(f"chaos: {done[0]} kills, {done[1]} runs", flush=True)

    with concurrent.futures.ThreadPoolExecutor(world.options.lanes) as pool:
        list(pool.map(play, work))
    for lane in lanes:
        lane.close()
    return tallies, broken


def say(what, tally, main):
    checked = tally.pop("deletes checked", 0)
    n = tally.pop(main, 0)
    print(f"chaos: {n} {what} survived, {checked} deletes found in order: "
          + ", ".join(f"{name} {times}" for name, times in tally.most_common()), flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("--shim", required=True)
    parser.add_argument("--kills", type=int, default=15)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    parser.add_argument("--only", type=int)
    parser.add_argument("--lanes", type=int, default=4, help="stretches at the same time")
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    options.bin, options.shim = os.path.abspath(options.bin), os.path.abspath(options.shim)
    print(f"chaos: seed {options.seed}", flush=True)
    directory = tempfile.mkdtemp(prefix="chaos.")
    world = World(options, directory)
    try:
        tallies, broken = work_off(world, plan(options))
    finally:
        world.close()
    if options.kills:
        say("kills", tallies[kill_stretch], "kills")
    if options.runs:
        say("runs with a faulty network", tallies[fault_stretch], "runs")
    if broken:
        print(f"chaos: {len(broken)} stretches broke a promise; what is left is in {directory}", file=sys.stderr)
        sys.exit(1)
    shutil.rmtree(directory)


main()
