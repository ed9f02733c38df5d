"""Run commands, alternating between them, and keep what each run took."""
import hashlib
import os
import signal
import statistics
import subprocess
import sys
import threading
import time


class Run:
    """What one run of a command took: wall seconds, peak bytes, scratch bytes."""

    def __init__(self, seconds, peak, scratch):
        self.seconds, self.peak, self.scratch = seconds, peak, scratch


class Result:
    """The runs of one command."""

    def __init__(self, name, runs=None):
        self.name, self.runs = name, runs or []

    def seconds(self):
        return [run.seconds for run in self.runs]

    def median(self):
        return statistics.median(self.seconds())

    def peak(self):
        return max(run.peak for run in self.runs)


class Failed(Exception):
    pass


def note(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


def scratch_bytes(pid, directory):
    """What a process keeps on disk below a directory, unlinked files too."""
    seen = {}
    for root, _, names in os.walk(directory):
        for name in names:
            try:
                status = os.lstat(os.path.join(root, name))
            except OSError:
                continue
            seen[status.st_dev, status.st_ino] = status.st_blocks * 512
    try:
        descriptors = os.listdir(f"/proc/{pid}/fd")
    except OSError:
        return sum(seen.values())
    for descriptor in descriptors:
        link = f"/proc/{pid}/fd/{descriptor}"
        try:
            if os.readlink(link).startswith(directory + "/"):
                status = os.stat(link)
                seen[status.st_dev, status.st_ino] = status.st_blocks * 512
        except OSError:
            continue
    return sum(seen.values())


class ScratchWatch(threading.Thread):
    def __init__(self, pid, directory):
        super().__init__(daemon=True)
        self.pid, self.directory, self.most, self.over = pid, directory, 0, threading.Event()

    def run(self):
        while not self.over.wait(0.02):
            self.most = max(self.most, scratch_bytes(self.pid, self.directory))


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def wait(child, start, limit):
    """Wait until the child has ended, or kill its group after limit seconds; give what it took."""
    timer = threading.Timer(limit, os.killpg, (child.pid, signal.SIGKILL)) if limit else None
    if timer:
        timer.start()
    try:
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        return time.perf_counter() - start
    except BaseException:
        os.killpg(child.pid, signal.SIGKILL)
        raise
    finally:
        if timer:
            timer.cancel()


def run(command, out, env=None, scratch=None, limit=None):
    """Run a list of arguments or a line of shell, standard output to the file out."""
    argv = ["bash", "-o", "pipefail", "-c", command] if isinstance(command, str) else command
    if out != os.devnull and os.path.exists(out):
        os.unlink(out)
    with open(out, "wb") as file:
        start = time.perf_counter()
        with subprocess.Popen(argv, stdout=file, env={**os.environ, **(env or {})},
                              start_new_session=True) as child:
            watch = ScratchWatch(child.pid, scratch) if scratch else None
            if watch:
                watch.start()
            seconds = wait(child, start, limit)
            if watch:
                watch.over.set()
                watch.join()
            _, status, usage = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise Failed(f"status {child.returncode} after {seconds:.1f} s: {command}")
    return Run(seconds, usage.ru_maxrss * 1024, watch.most if watch else 0)


def interleave(tasks, count):
    """Run each of {name: function that runs once} count times, taking turns."""
    results = {name: Result(name) for name in tasks}
    for _ in range(count):
        for name, task in tasks.items():
            results[name].runs.append(task())
    return results
