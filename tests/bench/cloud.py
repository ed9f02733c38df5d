"""The group s3: acc-fetch and acc-put against nginx in the place of S3, beside wrk, curl, rclone and the AWS CLI.

nginx gives what a server can give at all: objects by sendfile, lists from ready pages, and takes what is put. It
checks no signature; ours and the peers' requests are signed all the same.
"""
import hashlib
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import time

import report
from measure import Failed, Result, Run, interleave, note, run

KEYS = 10_000          # in the list
OBJECTS = 5_000        # of 50 KB, to get and to put
LARGE = 4              # of 256 MB
MTIME = 1_612_177_200  # of every object; nginx makes ETags of it
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "AKIDBENCH", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
    "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required",
    "RCLONE_CONFIG": "/dev/null", "RCLONE_CONFIG_B_TYPE": "s3", "RCLONE_CONFIG_B_PROVIDER": "Other",
    "RCLONE_CONFIG_B_ENV_AUTH": "true", "RCLONE_CONFIG_B_FORCE_PATH_STYLE": "true",
    "RCLONE_CONFIG_B_LIST_VERSION": "2", "RCLONE_CONFIG_B_NO_CHECK_BUCKET": "true",
    "RCLONE_CONFIG_B_UPLOAD_CUTOFF": "5G",
}
CURL = ["curl", "-s", "--no-progress-meter", "--parallel", "--parallel-max", "8"]
NGINX = """
{user}
worker_processes 2;
pid {dir}/nginx.pid;
error_log {dir}/error.log;
daemon off;
events {{ worker_connections 1024; }}
http {{
	access_log off;
	sendfile on;
	tcp_nopush on;
	keepalive_requests 1000000000;
	open_file_cache max=30000 inactive=600s;
	open_file_cache_valid 600s;
	default_type application/octet-stream;
	client_max_body_size 0;
	client_body_buffer_size 128k;
	client_body_temp_path {dir}/body;
	map $args $page {{
		"~continuation-token=(?<token>[a-z]+-[0-9]+)" /$token;
		"~prefix=(?<name>[a-z]+)(%2F|/)" /$name-0;
		default /none;
	}}
	map $args $answer {{
		"~uploads" "<InitiateMultipartUploadResult><UploadId>bench</UploadId></InitiateMultipartUploadResult>";
		default "<CompleteMultipartUploadResult><ETag>bench</ETag></CompleteMultipartUploadResult>";
	}}
	server {{
		listen 127.0.0.1:{port} reuseport backlog=1024;
		{limit}
		root {dir}/root;
		location ~ ^/bench/?$ {{ root {dir}/pages; default_type application/xml; rewrite ^ $page break; }}
		location /bench/put/ {{
			if ($request_method = POST) {{ return 200 $answer; }}
			if ($arg_partNumber) {{ rewrite ^(.*)$ $1.part$arg_partNumber break; }}
			dav_methods PUT;
			create_full_put_path on;
			add_header ETag '"bench"' always;
		}}
	}}
}}
"""


def records(seed, size):
    """About so many bytes of catalog records, one on a line."""
    rng = random.Random(seed)
    lines, made = [], 0
    while made < size - 260:
        lines.append(f'{{"partner_name":"Partner_{rng.choice("ABCD")}","accommodation_id":"{rng.randrange(10**6)}",'
                     f'"accommodation_data":{{"accommodation_name":"The {rng.choice(["Grand", "Royal", "Old"])} Hotel '
                     f'{rng.randrange(1000)}","accommodation_city":"{rng.choice(["Budapest", "Paris", "Rome"])}",'
                     f'"accommodation_stars":{rng.randrange(6)},'
                     f'"accommodation_street":"Street {rng.randrange(999)}"}}}}\n')
        made += len(lines[-1])
    return "".join(lines).encode()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    """nginx with the objects; limit_rate holds for each connection."""

    def __init__(self, directory, limit_rate=None):
        self.dir, self.port = directory, free_port()
        self.root = os.path.join(directory, "root", "bench")
        conf = os.path.join(directory, f"nginx-{self.port}.conf")
        limit = f"limit_rate {limit_rate};" if limit_rate else ""
        with open(conf, "w", encoding="ascii") as file:
            file.write(NGINX.format(dir=directory, port=self.port, limit=limit,
                                    user="user root;" if os.geteuid() == 0 else ""))
        os.makedirs(os.path.join(directory, "body"), exist_ok=True)
        self.process = subprocess.Popen(["nginx", "-c", conf], stderr=subprocess.DEVNULL)
        self.url = f"http://127.0.0.1:{self.port}"
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise Failed("nginx does not start")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


def write_pages(directory, name, entries):
    """ListObjectsV2 in pages of 1,000 keys."""
    os.makedirs(directory, exist_ok=True)
    for first in range(0, max(len(entries), 1), 1000):
        page, last = entries[first:first + 1000], first + 1000 >= len(entries)
        text = ['<?xml version="1.0" encoding="UTF-8"?>\n'
                '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>bench</Name>'
                f'<Prefix>{name}/</Prefix><KeyCount>{len(page)}</KeyCount><MaxKeys>1000</MaxKeys>'
                f'<IsTruncated>{"false" if last else "true"}</IsTruncated>']
        if not last:
            text.append(f"<NextContinuationToken>{name}-{first // 1000 + 1}</NextContinuationToken>")
        text += [f"<Contents><Key>{key}</Key><LastModified>2021-02-01T11:00:00.000Z</LastModified>"
                 f"<ETag>&quot;{MTIME:x}-{size:x}&quot;</ETag><Size>{size}</Size>"
                 "<StorageClass>STANDARD</StorageClass></Contents>" for key, size in page]
        with open(os.path.join(directory, f"{name}-{first // 1000}"), "w", encoding="ascii") as file:
            file.write("".join(text) + "</ListBucketResult>")


def make_objects(directory):
    """The bucket below directory/root, once."""
    root, done = os.path.join(directory, "root", "bench"), os.path.join(directory, "made")
    if os.path.exists(done):
        return
    note(f"generating {OBJECTS} objects of 50 KB and {LARGE} of 256 MB")
    for name in ("get", "large", "put"):
        os.makedirs(os.path.join(root, name), exist_ok=True)
    entries = []
    for i in range(OBJECTS):
        key, text = f"get/{i:05}.jsonl", records(i, 50_000)
        entries.append((key, len(text)))
        with open(os.path.join(root, key), "wb") as file:
            file.write(text)
        os.utime(os.path.join(root, key), (MTIME, MTIME))
    write_pages(os.path.join(directory, "pages"), "get", entries)
    write_pages(os.path.join(directory, "pages"), "list", [(f"list/{i:05}.jsonl", 50_000) for i in range(KEYS)])
    large = os.path.join(root, "large", "0.jsonl")
    with open(large, "wb") as file:
        while file.tell() < 256_000_000:
            with open(os.path.join(root, entries[file.tell() // 50_000 % OBJECTS][0]), "rb") as part:
                shutil.copyfileobj(part, file)
    os.utime(large, (MTIME, MTIME))
    for i in range(1, LARGE):
        os.link(large, os.path.join(root, "large", f"{i}.jsonl"))
    write_pages(os.path.join(directory, "pages"), "large",
                [(f"large/{i}.jsonl", os.path.getsize(large)) for i in range(LARGE)])
    write_pages(os.path.join(directory, "pages"), "put", [])
    open(done, "w", encoding="ascii").close()


def add_file(digest, path):
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)


def of_tree(path):
    """Of the bytes of all files below path, by name; parts of a file as one."""
    digest = hashlib.sha256()
    if os.path.isfile(path):
        add_file(digest, path)
        return digest.hexdigest()
    names = [os.path.join(at, name) for at, _, files in os.walk(path) for name in files]
    for name in sorted(names, key=lambda n: [int(p) if p.isdigit() else p for p in re.split(r"(\d+)", n)]):
        add_file(digest, name)
    return digest.hexdigest()


def fresh(path):
    shutil.rmtree(path, ignore_errors=True)
    os.makedirs(path)
    return path


class Group:
    def __init__(self, bench):
        self.bench = bench
        self.dir = os.path.join(bench.dir, "s3")
        os.makedirs(self.dir, exist_ok=True)
        make_objects(self.dir)
        self.server = Server(self.dir)
        self.env = {**ENVIRONMENT, "AWS_ENDPOINT_URL": self.server.url,
                    "RCLONE_CONFIG_B_ENDPOINT": self.server.url}
        self.aws = ["aws", "--endpoint-url", self.server.url, "s3"]
        self.tables = []

    def stop(self):
        self.server.stop()

    def wrk(self, name, path, count, want):
        """As long as so many requests take at the rate that wrk gets in a second, with -j connections of ours."""
        script = os.path.join(self.dir, name + ".lua")
        with open(script, "w", encoding="ascii") as file:
            file.write(f'local i = 0\nrequest = function() i = (i + 1) % {count}\n'
                       f'return wrk.format("GET", string.format("{path}", i)) end\n')

        def task():
            out = self.bench.out_path("wrk")
            took = run(["wrk", "-t2", "-c8", "-d1s", "-s", script, self.server.url], out)
            with open(out, encoding="ascii") as file:
                text = file.read()
            if "Non-2xx" in text or "Socket errors" in text:
                raise Failed(f"wrk: {text}")
            return Run(want / float(re.search(r"Requests/sec:\s*([\d.]+)", text).group(1)), took.peak, 0)
        return task

    def command(self, command, out=os.devnull, prepare=None):
        def task():
            if prepare:
                fresh(prepare)
            os.sync()  # what was written before is not written now
            return run(command, out, self.env)
        return task

    def measure(self, title, what, tasks, size, count, checks):
        """tasks: {name: (needs, task)}; a peer that is slow runs once. checks: {name: path}, all of equal bytes."""
        first = {}
        note(f"s3 {title}")
        for name, (needs, task) in tasks.items():
            if not shutil.which(needs):
                note(f"s3 {title}: {name} left out: no {needs}")
                continue
            try:
                os.sync()
                first[name] = task()
            except Failed as failure:
                if name.startswith("acc-"):
                    self.bench.fail(f"s3 {title}: {failure}")
                else:
                    note(f"s3 {title}: {name} fails: {failure}")
        said = {name: of_tree(path) for name, path in checks.items() if name in first or name == "source"}
        if len(set(said.values())) > 1:
            self.bench.fail(f"s3 {title}: outputs differ: {said}")
            what += "; OUTPUTS DIFFER"
        elif said:
            what += f"; {', '.join(said)} agree byte for byte"
        quick = {name: tasks[name][1] for name, took in first.items()
                 if took.seconds <= self.bench.options.limit or name.startswith("acc-")}
        results = interleave(quick, self.bench.options.runs)
        for name, took in first.items():
            if name not in results:
                results[name] = Result(name, [took])
        order = {name: results[name] for name in first}
        self.tables.append(report.Table(f"s3 {title}", order, size, count, what))

    def list_keys(self):
        fetch, out = self.bench.tool("acc-fetch"), self.bench.out_path
        self.measure("list", f"{KEYS:,} keys in pages of 1,000", {
            "acc-fetch --list": (fetch, self.command([fetch, "--list", "s3://bench/list/"], out("l1"))),
            "wrk": ("wrk", self.wrk("list", "/bench?list-type=2&prefix=list%%%%2F&continuation-token=list-%d", 10,
                                    KEYS // 1000)),
            "rclone": ("rclone", self.command(["rclone", "lsf", "--files-only", "B:bench/list/"], out("l2"))),
            "aws s3 ls": ("aws", self.command([*self.aws, "ls", "s3://bench/list/"], out("l3"))),
        }, None, None, {})
        for name in ("l1", "l2", "l3"):
            if os.path.exists(out(name)):
                with open(out(name), "rb") as file:
                    if sum(1 for _ in file) != KEYS:
                        self.bench.fail(f"s3 list: {name} has not {KEYS} lines")

    def urls(self, prefix, names, directory):
        path = os.path.join(self.dir, prefix + ".urls")
        with open(path, "w", encoding="ascii") as file:
            for name in names:
                file.write(f'url = "{self.server.url}/bench/{prefix}/{name}"\noutput = "{directory}/{name}"\n')
        return path

    def get(self, prefix, count, wrk_path, what):
        fetch, out = self.bench.tool("acc-fetch"), self.bench.out_path
        source = os.path.join(self.server.root, prefix)
        names, size = sorted(os.listdir(source)), sum(e.stat().st_size for e in os.scandir(source))
        to = {name: out(name) for name in ("curl", "rclone", "aws")}
        self.measure(f"get {prefix}", what, {
            "acc-fetch >/dev/null": (fetch, self.command([fetch, "--bare", f"s3://bench/{prefix}/"])),
            "acc-fetch": (fetch, self.command([fetch, "--bare", f"s3://bench/{prefix}/"], out("fetch"))),
            **({"wrk": ("wrk", self.wrk(prefix, wrk_path, count, count))} if wrk_path else {}),
            "curl --parallel": ("curl", self.command(
                [*CURL, "-K", self.urls(prefix, names, to["curl"])],
                prepare=to["curl"])),
            "rclone": ("rclone", self.command(
                ["rclone", "copy", "--transfers", "8", f"B:bench/{prefix}/", to["rclone"]], prepare=to["rclone"])),
            "aws s3 cp": ("aws", self.command(
                [*self.aws, "cp", "--recursive", "--quiet", f"s3://bench/{prefix}/", to["aws"]], prepare=to["aws"])),
        }, size, count, {"source": source, "acc-fetch": out("fetch"), "curl --parallel": to["curl"],
                         "rclone": to["rclone"], "aws s3 cp": to["aws"]})
        for path in [out("fetch"), *to.values()]:
            shutil.rmtree(path, ignore_errors=True)

    def put(self, prefix, count, what):
        put = self.bench.tool("acc-put")
        source = os.path.join(self.server.root, prefix)
        names, size = sorted(os.listdir(source)), sum(e.stat().st_size for e in os.scandir(source))
        to = {name: os.path.join(self.server.root, "put", name) for name in ("acc", "curl", "rclone", "aws")}
        uploads = os.path.join(self.dir, prefix + ".uploads")
        with open(uploads, "w", encoding="ascii") as file:
            for name in names:
                file.write(f'url = "{self.server.url}/bench/put/curl/{name}"\nupload-file = "{source}/{name}"\n')
        self.measure(f"put {prefix}", what, {
            "acc-put": (put, self.command(
                f"cd '{source}' && ls | '{put}' --keep --if-exists overwrite --key 'put/acc/{{name}}' s3://bench/",
                prepare=to["acc"])),
            "curl --parallel": ("curl", self.command(
                [*CURL, "-K", uploads], prepare=to["curl"])),
            "rclone": ("rclone", self.command(
                ["rclone", "copy", "--transfers", "8", source, "B:bench/put/rclone/"], prepare=to["rclone"])),
            "aws s3 cp": ("aws", self.command(
                [*self.aws, "cp", "--recursive", "--quiet", source, "s3://bench/put/aws/"], prepare=to["aws"])),
        }, size, count, {"source": source, "acc-put": to["acc"], "curl --parallel": to["curl"],
                         "rclone": to["rclone"], "aws s3 cp": to["aws"]})
        for path in to.values():
            shutil.rmtree(path, ignore_errors=True)

    def limited(self):
        """One large object where a connection gives 90 MB/s, as S3's do."""
        server = Server(self.dir, "90m")
        fetch, out = self.bench.tool("acc-fetch"), self.bench.out_path
        env = {**self.env, "AWS_ENDPOINT_URL": server.url}
        target, source = "s3://bench/large/0.jsonl", os.path.join(server.root, "large", "0.jsonl")
        try:
            self.measure("get one, 90 MB/s a connection", "one object of 256 MB from a server that gives each "
                         "connection 90 MB/s", {
                "acc-fetch": (fetch, lambda: run([fetch, "--bare", target], out("fetch"), env)),
                "acc-fetch --buffer 8M": (fetch, lambda: run([fetch, "--bare", "--buffer", "8M", target],
                                                             out("one"), env)),
                "curl": ("curl", lambda: run(["curl", "-s", f"{server.url}/bench/large/0.jsonl"], out("curl"), env)),
                "aws s3 cp": ("aws", lambda: run(["aws", "--endpoint-url", server.url, "s3", "cp", "--quiet", target,
                                                  out("aws")], os.devnull, env)),
            }, os.path.getsize(source), 1, {"source": source, "acc-fetch": out("fetch"), "curl": out("curl"),
                                           "acc-fetch --buffer 8M": out("one"), "aws s3 cp": out("aws")})
        finally:
            server.stop()


def bench_s3(bench):
    """List, get and put, small and large, from a server at full speed."""
    if not shutil.which("nginx"):
        note("s3 left out: no nginx")
        return []
    if not bench.have("acc-fetch", "acc-put"):
        return []
    for name in [name for name in os.environ if name.startswith(("AWS_", "RCLONE_"))]:
        del os.environ[name]
    group = Group(bench)
    try:
        group.list_keys()
        group.get("get", OBJECTS, "/bench/get/%05d.jsonl", f"{OBJECTS:,} objects of 50 KB")
        group.get("large", LARGE, None, f"{LARGE} objects of 256 MB")
        group.put("get", OBJECTS, f"{OBJECTS:,} files of 50 KB")
        group.put("large", LARGE, f"{LARGE} files of 256 MB")
        group.limited()
    finally:
        group.stop()
    return group.tables


def targets(table):
    """Near the server's own speed, far ahead of the peers, little memory."""
    results = table.results
    if table.title != "s3 get get" or "wrk" not in results:
        return
    ours = results["acc-fetch >/dev/null"].median()
    times = ours / results["wrk"].median()
    yield (f"{table.title}: acc-fetch takes {times:.2f} times what wrk needs for as many requests (at most 1.5): "
           f"{report.verdict(times <= 1.5)}")
    for peer in ("rclone", "aws s3 cp"):
        if peer in results:
            faster = results[peer].median() / results["acc-fetch"].median()
            yield (f"{table.title}: acc-fetch is {faster:.1f} times as fast as {peer} (at least 3): "
                   f"{report.verdict(faster >= 3)}")
    peak = results["acc-fetch"].peak()
    yield (f"{table.title}: acc-fetch peaks at {report.size(peak)} (at most 64 MB): "
           f"{report.verdict(peak <= 64 << 20)}")
