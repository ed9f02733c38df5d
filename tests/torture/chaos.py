#!/usr/bin/env python3
"""The drained chain on the emulators, killed at random and behind a network that lies; nothing may get lost.

    chaos.py --bin build/bin --kills N --runs N [--seed N]

--kills: SIGKILL for a random process of the chain at a random moment, N times, then clean runs until the queue is
empty. --runs: N runs with a fault of the network each, drawn by the seed. After each stretch the stored output, merged,
is byte for byte what the catalogs give on files, the queue is empty, and the servers' log shows no delete before a store.
"""
import argparse
import collections
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))


def fail(text):
    print(f"chaos: {text}", file=sys.stderr)
    sys.exit(1)


class World:
    def __init__(self, options, directory):
        self.options, self.directory = options, directory
        self.servers_directory = os.path.join(directory, "servers")
        self.tmp = os.path.join(directory, "tmp")
        os.mkdir(self.servers_directory)
        os.mkdir(self.tmp)
        self.servers = subprocess.Popen(["node", f"{HERE}/../servers/servers.mjs", self.servers_directory],
                                        env={**os.environ, "NODE_NO_WARNINGS": "1"}, stdout=subprocess.DEVNULL)
        port = os.path.join(self.servers_directory, "port")
        for _ in range(300):
            if os.path.exists(port):
                break
            time.sleep(0.1)
        self.endpoint = "http://127.0.0.1:" + open(port).read()
        self.environment = {
            "PATH": f"{options.bin}:/usr/bin:/bin", "TMPDIR": self.tmp, "LC_ALL": "C.UTF-8", "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": self.endpoint, "AWS_ACCESS_KEY_ID": "AKIDTEST",
            "AWS_SECRET_ACCESS_KEY": "test-secret-key-not-to-be-printed", "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_EC2_METADATA_DISABLED": "true", "AWS_MAX_ATTEMPTS": "3"}
        self.stretch = 0

    def control(self, **order):
        request = urllib.request.Request(self.endpoint + "/_control", json.dumps(order).encode())
        return json.load(urllib.request.urlopen(request))

    def sdk(self, service, command, **values):
        return self.control(do="sdk", service=service, command=command, input=values)

    def prepare(self, objects):
        """Buckets of their own, a queue, and a message for each object; half of them announced twice."""
        self.stretch += 1
        self.source, self.dest = f"src{self.stretch}", f"dest{self.stretch}"
        for bucket in (self.source, self.dest):
            self.sdk("s3", "CreateBucket", Bucket=bucket)
        self.queue = self.sdk("sqs", "CreateQueue", QueueName=f"q{self.stretch}")["QueueUrl"]
        self.files = os.path.join(self.directory, f"files{self.stretch}")
        os.mkdir(self.files)
        for n in range(objects):
            path = os.path.join(self.files, f"{n:03}.jsonl")
            with open(path, "w") as file:
                for i in range(30):
                    file.write(json.dumps({"partner_name": "ABC"[n % 3], "accommodation_id": str(n * 1000 + i),
                                           "accommodation_data": {"name": f"hotel {n} {i}", "n": i}}) + "\n")
            self.sdk("s3", "PutObject", Bucket=self.source, Key=f"in/{n:03}.jsonl", BodyFile=path, ChecksumAlgorithm="SHA256")
            for _ in range(1 + n % 2):
                self.announce(f"in/{n:03}.jsonl")
        self.right = self.merge(sorted(os.path.join(self.files, name) for name in os.listdir(self.files)))
        self.mark = os.path.getsize(os.path.join(self.servers_directory, "log"))

    def announce(self, key):
        body = {"Records": [{"eventVersion": "2.1", "eventSource": "aws:s3", "eventTime": "2021-02-01T11:07:57.885Z",
                             "eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": self.source}, "object": {"key": key}}}]}
        self.sdk("sqs", "SendMessage", QueueUrl=self.queue, MessageBody=json.dumps(body))

    def merge(self, paths):
        return subprocess.run([f"{self.options.bin}/acc-merge"] + paths, check=True, capture_output=True).stdout

    def drain(self, endpoint=None, batch=4):
        self.errors = open(os.path.join(self.directory, "stderr"), "ab")
        return subprocess.Popen(
            [f"{self.options.bin}/acc-sqs-drain", "--wait", "0", "--visibility", "1", "--batch", str(batch), self.queue, "--",
             f"{self.options.bin}/acc-consolidate", "--latest", f"s3://{self.dest}/"],
            env={**self.environment, **({"AWS_ENDPOINT_URL": endpoint} if endpoint else {})}, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self.errors)

    def size(self):
        attributes = self.sdk("sqs", "GetQueueAttributes", QueueUrl=self.queue, AttributeNames=["All"])["Attributes"]
        return int(attributes["ApproximateNumberOfMessages"]) + int(attributes["ApproximateNumberOfMessagesNotVisible"])

    def finish(self, honest=True):
        """Clean runs until the queue is empty; then look at everything."""
        for _ in range(30):
            status = self.drain(batch=1000).wait(120)
            if self.size() == 0:
                break
            time.sleep(1.1)
        else:
            fail(f"the queue does not become empty; the last run ended with {status}")
        self.check_output()
        self.check_log(honest)

    def check_output(self):
        stored = os.path.join(self.directory, f"stored{self.stretch}")
        os.mkdir(stored)
        paths, token = [], {}
        while True:
            page = self.sdk("s3", "ListObjectsV2", Bucket=self.dest, **token)
            for entry in page.get("Contents", []):
                path = os.path.join(stored, str(len(paths)))
                with open(path, "wb") as file:
                    subprocess.run([f"{self.options.bin}/acc-fetch", "--raw", "--content", f"s3://{self.dest}/{entry['Key']}"],
                                   env=self.environment, stdout=file, check=True)
                paths.append(path)
            if not page.get("IsTruncated"):
                break
            token = {"ContinuationToken": page["NextContinuationToken"]}
        if self.merge(paths) != self.right:
            fail(f"the stored output is not what the catalogs give; it is in {stored}")
        shutil.rmtree(stored)

    def check_log(self, honest):
        """The messages of a batch are deleted after a store, never before: a delete needs a PUT since the last one."""
        stored = 0
        with open(os.path.join(self.servers_directory, "log")) as file:
            file.seek(self.mark)
            for line in file:
                entry = json.loads(line)
                if entry.get("key") != "AKIDTEST":
                    continue
                if entry.get("operation") == "PUT" and entry.get("status") == 200:
                    stored += 1
                if entry.get("operation") == "DeleteMessageBatch" and not stored:
                    fail("a message was deleted before anything was stored")
                if honest and entry.get("signature") not in ("ok", None):
                    fail(f"a wrong signature: {line}")

    def close(self):
        self.servers.kill()
        self.servers.wait()


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


def kill_loop(world, choose, kills):
    killed, spools = collections.Counter(), 0
    while sum(killed.values()) < kills:
        world.prepare(12)
        for _ in range(min(25, kills - sum(killed.values()))):
            drain = world.drain()
            deadline = time.monotonic() + choose.random() * 0.25
            while time.monotonic() < deadline and drain.poll() is None:
                time.sleep(0.002)
            victims = processes_of(drain.pid)
            if victims:
                pid, name = choose.choice(victims)
                try:
                    os.kill(pid, signal.SIGKILL)
                    killed[name] += 1
                except ProcessLookupError:
                    pass
            try:
                drain.wait(60)
            except subprocess.TimeoutExpired:
                fail("the chain hangs after a kill")
            until = time.monotonic() + 20
            while processes_of(drain.pid):  # what outlives its parent comes to its end, too
                if time.monotonic() > until:
                    fail(f"left behind by a kill: {processes_of(drain.pid)}")
                time.sleep(0.01)
            if world.size() == 0:
                break
            if choose.random() < 0.3:
                time.sleep(1)
        world.finish()
    left = os.listdir(world.tmp)
    if len(left) > sum(killed[name] for name in ("acc-sqs-drain", "acc-consolidate", "rm")):  # nobody else has files there
        fail(f"more is left in TMPDIR than the killed ones could not remove: {left}")
    print(f"chaos: {sum(killed.values())} kills survived: " + ", ".join(f"{name} {n}" for name, n in killed.most_common())
          + (f"; {len(left)} directories or files of killed processes were left in TMPDIR" if left else ""), flush=True)


def fault_loop(world, choose, runs):
    tally = collections.Counter()
    done = 0
    while done < runs:
        world.prepare(6)
        for _ in range(min(5, runs - done)):
            seed = choose.randrange(1 << 30)
            proxy = subprocess.Popen(["node", f"{HERE}/proxy.mjs", world.endpoint, str(seed)], stdout=subprocess.PIPE, text=True)
            port = proxy.stdout.readline().strip()
            try:
                status = world.drain(endpoint=f"http://127.0.0.1:{port}").wait(180)
            except subprocess.TimeoutExpired:
                fail(f"proxy seed {seed}: it hangs")
            proxy.terminate()
            tally.update(proxy.stdout.read().split())
            proxy.wait()
            done += 1
            if status not in (0, 1, 3):
                fail(f"proxy seed {seed}: status {status}")
            tally[f"status {status}"] += 1
            left = world.size()
            if status == 3 and not left:
                tally["status 3, all done"] += 1
            if not left:
                break
            time.sleep(1)
        world.finish(honest=False)  # a clock that was put wrong gives wrong signatures, until it is put right
    print(f"chaos: {runs} runs with a faulty network survived: " + ", ".join(f"{name} {n}" for name, n in tally.most_common()), flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("--kills", type=int, default=15)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    options = parser.parse_args()
    options.bin = os.path.abspath(options.bin)
    print(f"chaos: seed {options.seed}", flush=True)
    choose = random.Random(options.seed)
    directory = tempfile.mkdtemp(prefix="chaos.")
    world = World(options, directory)
    try:
        kill_loop(world, choose, options.kills)
        fault_loop(world, choose, options.runs)
    except SystemExit:
        print(f"chaos: what is left is in {directory}", file=sys.stderr)
        raise
    finally:
        world.close()
    shutil.rmtree(directory)


main()
