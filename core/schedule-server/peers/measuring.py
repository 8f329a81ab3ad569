"""The server with an exact schedule, what a command costs, and running commands: nothing here knows any client."""
import json
import os
import signal
import subprocess
import time
from pathlib import Path

SAMPLE_SECONDS, POLL_SECONDS, LIMIT_SECONDS = 0.5, 0.02, 300


class Failed(Exception):
    """A client that cannot be installed or measured, with the reason that the table tells."""


class Server:
    """The example `serve`, which tells what it really sent."""

    def __init__(self, program):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().strip()

    def truth(self, answers):
        """What it sent, with the times of the last so many answers."""
        self.process.stdin.write(f"{answers}\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.kill()
        self.process.wait()


def measure(command, environment, out):
    """Runs a client to its end; its wall and CPU time in seconds, and the peak of its memory in bytes.

    CPU time is that of the process and of all below it that it has waited for, as the system counts it. Processes
    that are left over are ended.
    """
    names = {**os.environ, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1", **environment}
    log = out / "output.log"
    seen, peak, next_sample = set(), 0, 0.0
    start = time.monotonic()
    with log.open("wb") as output:
        child = subprocess.Popen([str(part) for part in command], cwd=out, env=names, stdin=subprocess.DEVNULL,
                                 stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        while True:
            process, status, usage = os.wait4(child.pid, os.WNOHANG)
            elapsed = time.monotonic() - start
            if process:
                child.returncode = os.waitstatus_to_exitcode(status)
                break
            if elapsed > LIMIT_SECONDS:
                raise Failed(f"took longer than {LIMIT_SECONDS} s")
            if elapsed >= next_sample:
                processes = tree(child.pid)
                seen.update(processes)
                peak = max(peak, memory_bytes(processes))
                next_sample = time.monotonic() - start + SAMPLE_SECONDS
            time.sleep(POLL_SECONDS)
    finally:
        end_all(child, seen)
    if child.returncode:
        raise Failed(f"exit code {child.returncode}: {last_error(log)}")
    return elapsed, usage.ru_utime + usage.ru_stime, peak


def tree(root):
    """`root` and all processes below it that live."""
    found, waiting = [], [root]
    while waiting:
        process = waiting.pop()
        found.append(process)
        for children in Path(f"/proc/{process}/task").glob("*/children"):
            try:
                waiting += map(int, children.read_text().split())
            except OSError:
                pass  # It has ended.
    return found


def memory_bytes(processes):
    """Their memory, with pages that several share counted once."""
    total = 0
    for process in processes:
        try:
            lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
            total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
        except OSError:
            pass  # It has ended.
    return total


def end_all(child, seen):
    """Ends what is left of a client: those of its session that were seen below it."""
    for process in seen | {child.pid} if child.returncode is None else seen - {child.pid}:
        try:
            # A number that was given to another process since is of another session.
            if os.getsid(process) == child.pid:
                os.kill(process, signal.SIGKILL)
        except OSError:
            pass  # It has ended.
    if child.returncode is None:
        child.wait()


def run_quietly(command, log):
    """Runs a step of an installation; what it writes goes to `log`."""
    with log.open("wb") as output:
        done = subprocess.run([str(part) for part in command], stdout=output, stderr=subprocess.STDOUT)
    if done.returncode:
        raise Failed(f"cannot be installed: {last_error(log)}")


def last_error(log):
    """The line of a log that tells most about why its command failed, without what would break a table."""
    lines = list(filter(None, (line.strip(" │•╭╰─╯\t") for line in log.read_text(errors="replace").splitlines())))
    telling = [line for line in lines if "error" in line.lower()] or lines or ["it wrote nothing"]
    return telling[-1][:160].replace("|", "/")
