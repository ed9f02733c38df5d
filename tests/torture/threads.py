#!/usr/bin/env python3
"""acc-fetch and acc-merge with more threads than processors, all of them late now and then.

What they make has to be what one thread makes, in time: objects of several pieces,
between small ones.

    threads.py --shim threads.so --bin DIR [--seed N] [--runs N]
"""
import argparse
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile


def write_objects(rng, directory):
    for number in range(rng.randint(2, 30)):
        with open(os.path.join(directory, f"{number:02}.jsonl"), "w", encoding="ascii") as file:
            for line in range(rng.choice([3, 3, 6000, 8000, 10000])):
                file.write('{"partner_name":"P","accommodation_id":"%d","accommodation_data":{"n":%d,"t":"%s"}}\n'
                           % (line % 5000, number, "x" * (line % 60)) if rng.random() > 0.0005 else "bad\n")


def run(options, command, environment):
    done = subprocess.run([os.path.join(options.bin, command[0]), *command[1:]], capture_output=True, timeout=60,
                          env={**os.environ, **environment}, check=False)
    return done.returncode, done.stdout, done.stderr


def run_without_helpers(options):
    """Threads that could help, but that the system does not give, are done without."""
    if os.geteuid() != 0:
        print("threads: not root, so that threads cannot be refused")
        return
    with tempfile.TemporaryDirectory(prefix="acc-threads.") as directory:
        os.chmod(directory, 0o755)
        name = os.path.join(directory, "large.jsonl")
        with open(name, "w", encoding="ascii") as file:
            file.writelines('{"n":%d,"t":"%s"}\n' % (n, "x" * 60) for n in range(20000))
        done = subprocess.run([shutil.copy(os.path.join(options.bin, "acc-fetch"), directory), "--bare", "-j", "16", name],
                              capture_output=True, timeout=60, user=54321, extra_groups=[], check=False,
                              env={**os.environ, "LD_PRELOAD": shutil.copy(options.shim, directory)},
                              preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NPROC, (4, 4)))
        with open(name, "rb") as file:
            if (done.returncode, done.stdout, done.stderr) != (0, file.read(), b""):
                sys.exit(f"threads.py: without helpers acc-fetch ends with {done.returncode}: {done.stderr}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shim", required=True)
    parser.add_argument("--bin", required=True)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    parser.add_argument("--runs", type=int, default=100)
    options = parser.parse_args()
    run_without_helpers(options)
    print(f"threads: seed {options.seed}, {options.runs} runs", flush=True)
    for seed in range(options.seed, options.seed + options.runs):
        rng = random.Random(seed)
        late = {"LD_PRELOAD": os.path.abspath(options.shim), "THREADS_SEED": str(seed)}
        with tempfile.TemporaryDirectory(prefix="acc-threads.") as directory:
            write_objects(rng, directory)
            names = sorted(os.path.join(directory, name) for name in os.listdir(directory))
            for command, threads in ((["acc-fetch", directory], rng.choice(["8", "16", "40"])),
                                     (["acc-merge", *names], rng.choice(["3", "8"]))):
                alone = run(options, [*command, "-j", "1"], {})
                try:
                    together = run(options, [*command, "-j", threads], late)
                except subprocess.TimeoutExpired:
                    sys.exit(f"threads.py --seed {seed} --runs 1: {command[0]} -j {threads} does not end")
                if together != alone:
                    sys.exit(f"threads.py --seed {seed} --runs 1: {command[0]} -j {threads} differs")


main()
