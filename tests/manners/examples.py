#!/usr/bin/env python3
"""Run the examples of a manual page, or of a Markdown file, as a reader would who pastes them one by one.

usage: examples.py PAGE DIRECTORY

In the section EXAMPLES, or in the blocks of the language console, a line that begins with "$ " is a command; lines after it that begin with "> ",
or that its last character or a here-document asks for, belong to it. Lines that follow are what it prints,
where "..." stands for anything. Commands run in DIRECTORY in their order, each must end with 0 unless
"$ echo $?" follows. A command that needs AWS or another machine is only checked for its syntax."""

import os
import re
import subprocess
import sys

REMOTE = re.compile(r"s3://|sqs://|dynamodb://|https?://|arn:aws|\bssh\b|\baws\b|\bsystemctl\b|\bcrontab\b")


def section(page):
    """The lines of EXAMPLES with their indentation."""
    rendered = subprocess.run(
        ["mandoc", "-T", "utf8", "-O", "width=400", page], check=True, capture_output=True, text=True
    ).stdout
    lines = re.sub(".\b", "", rendered).splitlines()
    inside = False
    for line in lines:
        if line and not line[0].isspace():
            inside = line.strip() == "EXAMPLES"
        elif inside:
            yield line.replace("\N{NO-BREAK SPACE}", " ")


def console_blocks(path):
    """The lines of a Markdown file's console blocks."""
    inside = False
    with open(path, encoding="utf-8") as file:
        for line in file.read().splitlines():
            if line.startswith("```"):
                inside = line == "```console"
                yield ""
            elif inside:
                yield line


def is_open(command):
    """Whether command goes on in the next line."""
    document = re.search(r"<<-?\s*(['\"]?)(\w+)\1", command)
    if document:
        return document[2] not in [line.strip() for line in command.split("\n")[1:]]
    return command.endswith(("\\", "|", "&&", "||")) or command.count("'") % 2 == 1


def examples(lines):
    """Pairs of a command and the lines that it prints."""
    found = []
    indent = None
    for line in lines:
        text = line.strip()
        here = len(line) - len(line.lstrip())
        if text.startswith("$ "):
            found.append([text[2:], []])
            indent = here
        elif found and indent is not None and text and here >= indent:
            text = line[indent:]
            if text.startswith("> "):
                found[-1][0] += "\n" + text[2:]
            elif is_open(found[-1][0]) and not found[-1][1]:
                found[-1][0] += "\n" + text
            else:
                found[-1][1].append(text)
        elif not (found and text == "" and is_open(found[-1][0])):
            indent = None
    return found


def with_status(found):
    """"$ echo $?" asks for the status of the command before it."""
    joined = []
    for command, printed in found:
        if command == "echo $?" and joined:
            joined[-1][0] += "\necho $?"
            joined[-1][1] += printed
        else:
            joined.append([command, printed])
    return joined


def matches(printed, output):
    lines = output.splitlines()
    if len(lines) != len(printed):
        return False
    for pattern, line in zip(printed, lines):
        if not re.fullmatch(".*".join(re.escape(part) for part in pattern.split("...")), line):
            return False
    return True


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    page, directory = sys.argv[1:]
    found = with_status(examples(console_blocks(page) if page.endswith(".md") else section(page)))
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("ACC_", "AWS_"))}
    failed = 0
    for command, printed in found:
        remote = REMOTE.search(re.split(r"<<-?\s*['\"]?\w", command)[0])  # a here-document is data
        ran = subprocess.run(
            ["sh", "-n" if remote else "-u", "-c", command],
            cwd=directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if ran.returncode == 0 and (remote or not printed or matches(printed, ran.stdout)):
            continue
        failed += 1
        print(f"{page}: example fails with {ran.returncode}: {command}")
        print(f"--- expected\n" + "\n".join(printed) + f"\n--- printed\n{ran.stdout}{ran.stderr}")
    if not found:
        print(f"{page}: there are no examples")
    sys.exit(1 if failed or not found else 0)


main()
