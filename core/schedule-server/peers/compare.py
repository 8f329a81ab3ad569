#!/usr/bin/env python3
"""Runs other clients that measure loads, and llmbench, in turns against the server with an exact schedule, and prints
one Markdown table: how exact their figures are, and what they cost.

    python3 core/schedule-server/peers/compare.py [--streams 32] [--only NAME]

README.md beside this file says what the columns mean. Needs Linux (`/proc`), cargo, and a package index for pip. The
clients are in clients.py, the server and what is measured of a process in measuring.py; here are the loads, the
rounds and the table.
"""
import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from clients import CLIENTS, REPOSITORY, Load
from measuring import Failed, Server, measure

FIRST_US, EVERY_US, TOKENS = 50_000, 5_000, 64
# Written 32 at a time, so that the server's own writes are not the limit.
DRAINED_TOKENS, DRAINED_PER_WRITE = 1024, 32
# The loads, by the names of their folders.
EXACT, DRAINED, ONE_TOKEN = "exact", "drained", "one-token"


@dataclass
class Round:
    client: str
    machine_load: float
    server_mean_ms: float = None
    server_p99_ms: float = None
    ttft_error_mean_ms: float = None
    ttft_error_p99_ms: float = None
    itl_error_us: float = None
    answers: int = None
    cpu_seconds: float = None
    memory_mib: float = None
    start_up_seconds: float = None
    chunks_per_second: float = None
    requests_per_second: float = None
    # Load → why it gave no figures.
    failures: dict = field(default_factory=dict)


# Heading, load, and the cell, of a function that gives the median of a figure.
COLUMNS = [
    ("TTFT error mean / p99, ms", EXACT,
     lambda of: f"{of('ttft_error_mean_ms'):+.2f} / {of('ttft_error_p99_ms'):+.2f}"),
    ("mean ITL error, µs", EXACT, lambda of: f"{of('itl_error_us'):+.1f}"),
    ("really sent after mean / p99, ms", EXACT, lambda of: f"{of('server_mean_ms'):.2f} / {of('server_p99_ms'):.2f}"),
    ("answers counted", EXACT, lambda of: f"{of('answers'):.0f}"),
    ("chunks/s drained", DRAINED, lambda of: f"{of('chunks_per_second'):,.0f}"),
    ("one-token requests/s", ONE_TOKEN, lambda of: f"{of('requests_per_second'):,.0f}"),
    ("CPU, s", EXACT, lambda of: f"{of('cpu_seconds'):.2f}"),
    ("peak memory, MiB", EXACT, lambda of: f"{of('memory_mib'):.0f}"),
    ("start-up beyond the load, s", EXACT, lambda of: f"{of('start_up_seconds'):.2f}"),
]
HEAD = ["client", "version", *(heading for heading, _, _ in COLUMNS), "note"]


def run(client, load, options, out):
    """What a client says about a load, what the server says, and what it cost."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    with Server(options.built / "examples" / "serve") as server:
        cost = measure(client.command(server.url, load, out), client.environment, out)
        try:
            reported = client.reported(out)
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise Failed(f"its report cannot be read: {type(error).__name__} {error}") from error
        # What a client leaves out of its figures, for warm-up or as a ramp, is what came first.
        truth = server.truth(reported.answers)
    absent = [name for name, value in asdict(reported).items() if value is None]
    if load.tokens == 1 and "itl_mean_ms" in absent:
        absent.remove("itl_mean_ms")
    if absent:
        raise Failed(f"it leaves figures out: {', '.join(absent)}")
    if truth["complete"] != truth["answers"]:
        raise Failed(f"it read only {truth['complete']} of {truth['answers']} answers to their end")
    if truth["complete"] < load.requests:
        raise Failed(f"it made {truth['complete']} of {load.requests} requests")
    return reported, truth, cost


def one_round(client, loads, options, out):
    """The figures of one client, one load after the other."""
    found = Round(client.name, os.getloadavg()[0])
    for name, load in loads.items():
        try:
            reported, truth, (wall_seconds, cpu_seconds, memory_bytes) = run(client, load, options, out / name)
        except Failed as failure:
            found.failures[name] = str(failure)
            continue
        if name == DRAINED:
            found.chunks_per_second = reported.tokens_per_second
        elif name == ONE_TOKEN:
            found.requests_per_second = reported.requests_per_second
        else:
            first = truth["first_ms"]
            found.server_mean_ms, found.server_p99_ms = first["mean"], first["p99"]
            found.ttft_error_mean_ms = reported.ttft_mean_ms - first["mean"]
            found.ttft_error_p99_ms = reported.ttft_p99_ms - first["p99"]
            found.itl_error_us = (reported.itl_mean_ms - truth["mean_gap_ms"]) * 1e3
            found.answers = reported.answers
            found.cpu_seconds, found.memory_mib = cpu_seconds, memory_bytes / 2**20
            found.start_up_seconds = wall_seconds - load.seconds
    return found


def loads_of(client, options):
    """What this client is asked to do in a round."""
    requests = options.requests or max(40, 10 * options.streams)
    exact = Load(options.streams, requests, options.streams, FIRST_US, EVERY_US, TOKENS)
    at_once = replace(exact, first_us=0, every_us=0)
    return {
        EXACT: exact,
        DRAINED: replace(at_once, tokens=DRAINED_TOKENS, per_write=DRAINED_PER_WRITE),
        ONE_TOKEN: replace(at_once, tokens=1, requests=max(client.one_token_requests, 10 * options.streams)),
    }


def row(client, failure, rounds):
    """A client's line of the table; where there is no figure, the cell or the note says why."""
    if failure:
        return [client.name, client.version or "–", *["–"] * len(COLUMNS), f"not measured: {failure}"]
    cells, notes = [], [f"rounds: {len(rounds)}"]
    for _, load, cell in COLUMNS:
        good = [each for each in rounds if load not in each.failures]
        if good:
            cells.append(cell(lambda name: statistics.median(getattr(each, name) for each in good)))
        else:
            cells.append("–" if load == EXACT else f"– ({rounds[0].failures[load]})")
    for load in (EXACT, DRAINED, ONE_TOKEN):
        failures = [each.failures[load] for each in rounds if load in each.failures]
        if failures and (load == EXACT or len(failures) < len(rounds)):
            notes.append(f"{load} failed in {len(failures)}: {failures[0]}")
    return [client.name, client.version, *cells, "; ".join(notes)]


def machine():
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(": ", 1)[1] for line in lines if line.startswith("model name")), "an unknown processor")
    return f"{len(os.sched_getaffinity(0))} cores of {model}, {platform.system()} {platform.release()}"


def build():
    """Builds llmbench and the server; the folder with the programs."""
    # The first builds the default packages of the workspace: llmbench and the libraries of its plugins.
    for arguments in ([], ["-p", "llmbench-schedule-server", "--example", "serve"]):
        command = ["cargo", "build", "--release", "--locked", *arguments]
        say(" ".join(command))
        subprocess.run(command, cwd=REPOSITORY, check=True)
    metadata = subprocess.run(["cargo", "metadata", "--format-version", "1", "--no-deps", "--locked"], cwd=REPOSITORY,
                              check=True, capture_output=True, text=True).stdout
    return Path(json.loads(metadata)["target_directory"]) / "release"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--streams", type=int, default=32, help="requests under way (%(default)s)")
    parser.add_argument("--requests", type=int, help="requests that are measured (10 for each stream, at least 40)")
    parser.add_argument("--rounds", type=int, default=3, help="times that each client runs, in turns (%(default)s)")
    parser.add_argument("--only", action="append", metavar="NAME", choices=[client.name for client in CLIENTS],
                        help="only this client; repeat for several: " + ", ".join(client.name for client in CLIENTS))
    parser.add_argument("--venvs", type=Path, metavar="DIR",
                        help="folder with environments DIR/NAME; those that exist have the client already")
    parser.add_argument("--built", type=Path, metavar="DIR",
                        help="folder with llmbench and examples/serve, as target/release; nothing is built then")
    parser.add_argument("--work", type=Path, default=REPOSITORY / "target" / "peers", metavar="DIR",
                        help="environments, logs and the figures of each round (target/peers)")
    options = parser.parse_args()
    if min(options.streams, options.rounds, options.requests or 1) < 1:
        parser.error("--streams, --requests and --rounds are at least 1")
    options.has_own_programs, options.has_own_venvs = options.built is not None, options.venvs is not None
    options.work = options.work.resolve()
    options.work.mkdir(parents=True, exist_ok=True)
    options.venvs = (options.venvs or options.work / "venvs").resolve()
    return options


def main():
    options = arguments()
    options.built = (options.built or build()).resolve()
    for program in (options.built / "llmbench", options.built / "examples" / "serve"):
        if not program.is_file():
            sys.exit(f"error: there is no {program.name} in the folder with built programs\n\nhint: leave out --built")
    clients = [client for client in CLIENTS if not options.only or client.name in options.only]
    failures, rounds = {}, []
    for client in clients:
        try:
            client.prepare(options)
        except (Failed, OSError, subprocess.SubprocessError) as failure:
            failures[client.name] = str(failure)
            say(f"{client.name}: {failure}")
    began, load_before = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()), os.getloadavg()[0]
    for number in range(options.rounds):
        # Each begins a round once, so that none always follows the same one.
        turn = number % len(clients)
        for client in clients[turn:] + clients[:turn]:
            if client.name not in failures:
                out = options.work / "runs" / f"{number + 1}-{client.name}"
                rounds.append(one_round(client, loads_of(client, options), options, out))
                say(json.dumps({key: value for key, value in asdict(rounds[-1]).items() if value not in (None, {})}))
    (options.work / "rounds.json").write_text(json.dumps([asdict(each) for each in rounds], indent=1))
    loads = loads_of(clients[0], options)
    exact = loads[EXACT]
    print(f"{began}, {machine()}; load before {load_before:.1f}, after {os.getloadavg()[0]:.1f}. "
          f"{exact.streams} streams, {exact.requests} requests after {exact.warm_up} for warm-up; first token after "
          f"{FIRST_US / 1e3:g} ms, then one every {EVERY_US / 1e3:g} ms, {TOKENS} tokens; drained: all at "
          f"once, {DRAINED_TOKENS} tokens; one-token: at once. Medians over rounds.\n")
    rows = [row(client, failures.get(client.name), [each for each in rounds if each.client == client.name])
            for client in clients]
    print("\n".join(f"| {' | '.join(cells)} |" for cells in [HEAD, ["---"] * len(HEAD), *rows]))
    # A cell without a figure is no success.
    measured = {(each.client, load) for each in rounds for load in loads if load not in each.failures}
    return 0 if len(measured) == len(clients) * len(loads) else 1


def say(text):
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
