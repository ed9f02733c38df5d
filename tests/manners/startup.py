#!/usr/bin/env python3
"""Print the median time in milliseconds in which a command starts, says its version and ends.

usage: startup.py COMMAND"""

import os
import statistics
import sys
import time

RUNS = 41


def run(command):
    begin = time.perf_counter()
    child = os.posix_spawn(
        command,
        [command, "--version"],
        os.environ,
        file_actions=[(os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0)],
    )
    status = os.waitpid(child, 0)[1]
    if status != 0:
        sys.exit(f"{command} --version fails")
    return (time.perf_counter() - begin) * 1000


print(f"{statistics.median(run(sys.argv[1]) for _ in range(RUNS)):.2f}")
