#!/usr/bin/env python3
"""Runs other clients that measure loads, and llmbench, in turns against the server with an exact schedule, and prints
one Markdown table: how exact their figures are, and what they cost.

    python3 core/schedule-server/peers/compare.py [--streams 32] [--only NAME]

README.md beside this file says what the columns mean. Needs Linux (`/proc`), cargo, and a package index for pip.
"""
import argparse
import json
import math
import os
import platform
import shutil
import signal
import statistics
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

FIRST_US, EVERY_US, TOKENS = 50_000, 5_000, 64
# Every client sends prompts of about this many bytes; the schedule does not depend on them.
PROMPT_BYTES = 512
# Written 32 at a time, so that the server's own writes are not the limit.
CAPACITY_TOKENS, CAPACITY_PER_WRITE = 1024, 32
# What the server lists. Names with commas are lists of models for some clients, so all ask under another name and
# put the schedule into the body.
LISTED = "schedule:"
SAMPLE_SECONDS, POLL_SECONDS, LIMIT_SECONDS = 0.5, 0.02, 300
REPOSITORY = Path(__file__).resolve().parents[3]

# A tokenizer with a token for each byte, so that no client needs one from a network.
TOKENIZER = """
import json, pathlib, sys
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
tokenizer = Tokenizer(models.BPE(vocab={piece: place for place, piece in enumerate(alphabet)}, merges=[]))
tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
tokenizer.decoder = decoders.ByteLevel()
fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=alphabet[0], pad_token=alphabet[0])
fast.save_pretrained(sys.argv[1])
(pathlib.Path(sys.argv[1]) / "config.json").write_text(json.dumps({"model_type": "gpt2"}))
"""


class Failed(Exception):
    """A client that cannot be installed or measured, with the reason that its row tells."""


@dataclass
class Load:
    streams: int
    requests: int
    warm_up: int
    first_us: int
    every_us: int
    tokens: int
    per_write: int = 1

    @property
    def model(self):
        # The server keeps a record of the answers whose schedule has an `id`.
        times = f"first_us={self.first_us},every_us={self.every_us}"
        return f"{LISTED}{times},tokens={self.tokens},per_write={self.per_write},id=1"

    @property
    def seconds(self):
        """What the schedule itself takes, when each stream asks again at once."""
        answer = (self.first_us + (self.tokens - 1) * self.every_us) / 1e6
        return answer * (math.ceil(self.warm_up / self.streams) + math.ceil(self.requests / self.streams))


@dataclass
class Reported:
    """What a client says about its load."""
    ttft_mean_ms: float
    ttft_p99_ms: float
    itl_mean_ms: float
    answers: int  # in these figures
    tokens_per_second: float


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
    failure: str = None


@dataclass
class Client:
    """`prepare` makes it ready, `command` is what runs it, `reported` what it then says."""
    name: str
    version: str = ""
    environment: dict = field(default_factory=dict)


class Llmbench(Client):
    def prepare(self, options):
        self.program = options.built / "llmbench"
        output = subprocess.run([self.program, "--version"], capture_output=True, text=True, check=True).stdout
        self.version = output.split()[1]
        commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=REPOSITORY, capture_output=True, text=True)
        if commit.returncode == 0 and not options.has_own_programs:
            self.version += f" ({commit.stdout.strip()})"

    def command(self, url, load, out):
        self.environment = {"LLMBENCH_DATA_DIR": str(out / "data")}
        settings = {
            "openai.extra_body": json.dumps({"model": load.model}),
            "throughput.concurrency": load.streams,
            "throughput.requests": load.requests,
            "throughput.warmup_requests": load.warm_up,
            "throughput.output_tokens": load.tokens,
            # The server counts four bytes as a token.
            "throughput.prompt_tokens": PROMPT_BYTES // 4,
        }
        return [self.program, "run", "--plugin", "throughput", "--backend", "openai", "--url", url,
                "--model", LISTED, "--monitor", "none", "--runs", "1", "--warmup", "0", "--out", out / "results",
                *(part for name, value in settings.items() for part in ("--set", f"{name}={value}"))]

    def reported(self, out):
        samples = next((out / "results").glob("*/samples.jsonl"), out / "samples.jsonl")
        load = read_json(samples)["load"]  # It has one line.
        ttft = load["ttft_ms"]
        if load["answered"] != load["requests"]:
            raise Failed(f"{load['answered']} of {load['requests']} requests were answered: {load['errors']}")
        p99 = (ttft["percentiles"] or {}).get("p99")  # Of 20 answers or more.
        return Reported(ttft["mean"], p99, load["itl_ms"]["mean"], ttft["n"], load["output_tokens_per_sec"])


class Package(Client):
    """A client from the package index, in an environment of its own."""

    def prepare(self, options):
        folder = options.venvs / self.name
        self.bin = folder / "bin"
        python = self.bin / "python"
        found = installed(python, self.name)
        if found != self.version:
            if options.has_own_venvs and folder.exists():
                raise Failed(f"version {found} is installed, not {self.version}" if found else "it is not installed")
            say(f"installing {self.name} {self.version}")
            run_quietly([sys.executable, "-m", "venv", folder], options.work / f"{self.name}-venv.log")
            run_quietly([python, "-m", "pip", "install", "--disable-pip-version-check", f"{self.name}=={self.version}"],
                        options.work / f"{self.name}-install.log")
        self.tokenizer = options.work / f"{self.name}-tokenizer"
        self.tokenizer.mkdir(parents=True, exist_ok=True)
        run_quietly([python, "-c", TOKENIZER, self.tokenizer], options.work / f"{self.name}-tokenizer.log")


class GuideLlm(Package):
    def command(self, url, load, out):
        self.environment = {"HF_HUB_OFFLINE": "1"}
        specification = {
            # The server answers `/health` with 500, as some do.
            "backend": {"kind": "openai_http", "target": url, "model": load.model, "validate_backend": False},
            "profile": {"kind": "concurrent", "streams": [load.streams],
                        "warmup": {"mode": "requests", "value": load.warm_up}},
            "constraints": [{"kind": "max_requests", "count": load.requests + load.warm_up}],
            "tokenizer": {"kind": "huggingface_auto", "model": str(self.tokenizer)},
            "data": [{"kind": "synthetic_text", "prompt_tokens": PROMPT_BYTES, "output_tokens": load.tokens}],
            "outputs": [{"kind": "json", "path": str(out / "report.json")}],
        }
        (out / "scenario.json").write_text(json.dumps({"metadata": {"name": "exact schedule"}, "spec": specification}))
        return [self.bin / "guidellm", "run", "--config", out / "scenario.json", "--disable-console"]

    def reported(self, out):
        metrics = read_json(out / "report.json")["benchmarks"][0]["metrics"]
        totals = metrics["request_totals"]
        if totals["errored"]:
            raise Failed(f"{totals['errored']} of {totals['total']} requests failed")
        ttft = metrics["time_to_first_token_ms"]["successful"]
        itl = metrics["inter_token_latency_ms"]["successful"]
        return Reported(ttft["mean"], ttft["percentiles"]["p99"], itl["mean"], ttft["count"],
                        metrics["output_tokens_per_second"]["successful"]["mean"])


class AiPerf(Package):
    def command(self, url, load, out):
        # Offline, it takes a folder for the name of a model on a hub.
        self.environment = {"HF_HUB_DISABLE_TELEMETRY": "1"}
        return [self.bin / "aiperf", "profile", "--model", LISTED, "--url", url, "--streaming",
                "--extra-inputs", json.dumps({"model": load.model}), "--concurrency", load.streams,
                "--request-count", load.requests, "--warmup-request-count", load.warm_up,
                "--tokenizer", self.tokenizer, "--isl", PROMPT_BYTES, "--osl", load.tokens, "--use-legacy-max-tokens",
                "--use-server-token-count", "--ui", "none", "--no-server-metrics", "--no-gpu-telemetry",
                "--output-artifact-dir", out / "artifacts"]

    def reported(self, out):
        report = read_json(out / "artifacts" / "profile_export_aiperf.json")
        if report.get("error_summary"):
            raise Failed(f"requests failed: {report['error_summary']}")
        ttft = report["time_to_first_token"]
        return Reported(ttft["avg"], ttft["p99"], report["inter_token_latency"]["avg"], ttft["count"],
                        report["output_token_throughput"]["avg"])


CLIENTS = [Llmbench("llmbench"), GuideLlm("guidellm", "0.8.1"), AiPerf("aiperf", "0.13.0")]


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


def last_error(log):
    lines = list(filter(None, (line.strip(" │•╭╰─╯\t") for line in log.read_text(errors="replace").splitlines())))
    telling = [line for line in lines if "error" in line.lower()] or lines or ["it wrote nothing"]
    return telling[-1][:160].replace("|", "/")


def run_quietly(command, log):
    with log.open("wb") as output:
        done = subprocess.run([str(part) for part in command], stdout=output, stderr=subprocess.STDOUT)
    if done.returncode:
        raise Failed(f"cannot be installed: {last_error(log)}")


def installed(python, package):
    """The package's version in that environment, `None` without either."""
    if not python.exists():
        return None
    code = f"import importlib.metadata as m; print(m.version({package!r}))"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else None


def read_json(path):
    try:
        return json.loads(path.read_text())
    except OSError as error:
        raise Failed(f"it wrote no {path.name}") from error


def say(text):
    print(text, file=sys.stderr, flush=True)

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
    if None in asdict(reported).values():
        raise Failed(f"it leaves figures out: {asdict(reported)}")
    if truth["complete"] != truth["answers"]:
        raise Failed(f"it read only {truth['complete']} of {truth['answers']} answers to their end")
    if truth["complete"] < load.requests:
        raise Failed(f"it made {truth['complete']} of {load.requests} requests")
    return reported, truth, cost


def one_round(client, load, flood, options, out):
    machine_load = os.getloadavg()[0]
    try:
        reported, truth, (wall_seconds, cpu_seconds, memory) = run(client, load, options, out / "exact")
        drained = run(client, flood, options, out / "capacity")[0]
    except Failed as failure:
        return Round(client.name, machine_load, failure=str(failure))
    first = truth["first_ms"]
    return Round(
        client.name,
        machine_load,
        server_mean_ms=first["mean"],
        server_p99_ms=first["p99"],
        ttft_error_mean_ms=reported.ttft_mean_ms - first["mean"],
        ttft_error_p99_ms=reported.ttft_p99_ms - first["p99"],
        itl_error_us=(reported.itl_mean_ms - truth["mean_gap_ms"]) * 1e3,
        answers=reported.answers,
        cpu_seconds=cpu_seconds,
        memory_mib=memory / 2**20,
        start_up_seconds=wall_seconds - load.seconds,
        chunks_per_second=drained.tokens_per_second,
    )


def row(client, failure, rounds):
    good = [each for each in rounds if each.failure is None]
    failures = [each.failure for each in rounds if each.failure is not None]
    if failure or not good:
        reason = failure or failures[0]
        return [client.name, client.version or "–"] + ["–"] * (len(HEAD) - 3) + [f"not measured: {reason}"]

    def middle(name):
        return statistics.median(getattr(each, name) for each in good)

    note = f"{len(good)} of {len(rounds)} rounds"
    if failures:
        note += f", else: {failures[0]}"
    return [
        client.name,
        client.version,
        f"{middle('ttft_error_mean_ms'):+.2f} / {middle('ttft_error_p99_ms'):+.2f}",
        f"{middle('itl_error_us'):+.1f}",
        f"{middle('server_mean_ms'):.2f} / {middle('server_p99_ms'):.2f}",
        f"{middle('answers'):.0f}",
        f"{middle('chunks_per_second'):,.0f}",
        f"{middle('cpu_seconds'):.2f}",
        f"{middle('memory_mib'):.0f}",
        f"{middle('start_up_seconds'):.2f}",
        note,
    ]


HEAD = ["client", "version", "TTFT error mean / p99, ms", "mean ITL error, µs", "really sent after mean / p99, ms",
        "answers counted", "chunks/s drained", "CPU, s", "peak memory, MiB", "start-up beyond the load, s", "note"]


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
    if not (options.built / "examples" / "serve").is_file():
        sys.exit("error: there is no examples/serve in the folder with built programs\n\nhint: leave out --built")
    clients = [client for client in CLIENTS if not options.only or client.name in options.only]
    requests = options.requests or max(40, 10 * options.streams)
    load = Load(options.streams, requests, options.streams, FIRST_US, EVERY_US, TOKENS)
    flood = replace(load, first_us=0, every_us=0, tokens=CAPACITY_TOKENS, per_write=CAPACITY_PER_WRITE)
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
                result = one_round(client, load, flood, options, options.work / "runs" / f"{number + 1}-{client.name}")
                rounds.append(result)
                say(json.dumps({key: value for key, value in asdict(result).items() if value is not None}))
    (options.work / "rounds.json").write_text(json.dumps([asdict(each) for each in rounds], indent=1))
    print(f"{began}, {machine()}; load before {load_before:.1f}, after {os.getloadavg()[0]:.1f}. "
          f"{load.streams} streams, {load.requests} requests after {load.warm_up} for warm-up; first token after "
          f"{FIRST_US / 1e3:g} ms, then one every {EVERY_US / 1e3:g} ms, {TOKENS} tokens; drained: all at "
          f"once, {CAPACITY_TOKENS} tokens. Medians over rounds.\n")
    rows = [row(client, failures.get(client.name), [each for each in rounds if each.client == client.name])
            for client in clients]
    print("\n".join(f"| {' | '.join(cells)} |" for cells in [HEAD, ["---"] * len(HEAD), *rows]))
    # A row without figures is no success.
    return 0 if {each.client for each in rounds if each.failure is None} == {each.name for each in clients} else 1


if __name__ == "__main__":
    sys.exit(main())
