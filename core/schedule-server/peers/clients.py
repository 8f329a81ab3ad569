"""The clients that are compared, one class each, and `CLIENTS`, the list of them.

A new one from the package index is a class on `Package` with `command` and `reported`, and an entry in `CLIENTS`. Any
other has a `prepare` of its own beside them, as `Llmbench` has. README.md beside this file says which figures a client
has to give, and what the others needed.
"""
import json
import math
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from measuring import Failed, run_quietly

REPOSITORY = Path(__file__).resolve().parents[3]
# Every client sends prompts of about this many bytes; the schedule does not depend on them.
PROMPT_BYTES = 512
# What the server lists. Names with commas are lists of models for some clients, so all ask under another name and
# put the schedule into the body.
LISTED = "schedule:"

# A tokenizer with a token for each byte, or for the first so many in the order of its alphabet, so that no client
# needs one from a network.
TOKENIZER = """
import json, pathlib, sys
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

folder, tokens = pathlib.Path(sys.argv[1]), int(sys.argv[2])
alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())[:tokens]
tokenizer = Tokenizer(models.BPE(vocab={piece: place for place, piece in enumerate(alphabet)}, merges=[]))
tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
tokenizer.decoder = decoders.ByteLevel()
fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=alphabet[0], pad_token=alphabet[0])
fast.save_pretrained(folder)
(folder / "config.json").write_text(json.dumps({"model_type": "gpt2"}))
"""


@dataclass
class Load:
    """What a client is asked to do: so many requests, always `streams` of them under way."""
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
    itl_mean_ms: float  # `None` where answers have one token.
    answers: int  # in these figures
    tokens_per_second: float
    requests_per_second: float


@dataclass
class Client:
    """`prepare` makes it ready, `command` is what runs it, `reported` what it then says."""
    name: str
    version: str = ""
    # Answers of one token that it is asked for: about a second of its work or more, and not much over ten.
    one_token_requests: int = 2_000
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
        return Reported(ttft["mean"], p99, load["itl_ms"]["mean"], ttft["n"], load["output_tokens_per_sec"],
                        load["requests_per_sec"])


@dataclass
class Package(Client):
    """A client from the package index, in an environment of its own, or one shared with others of its package."""
    package: str = None  # `name` when absent
    tokens = 256  # of its tokenizer

    def prepare(self, options):
        package = self.package or self.name
        folder = options.venvs / package
        self.bin = folder / "bin"
        python = self.bin / "python"
        found = installed(python, package)
        if found != self.version:
            if options.has_own_venvs and folder.exists():
                raise Failed(f"version {found} is installed, not {self.version}" if found else "it is not installed")
            print(f"installing {package} {self.version}", file=sys.stderr, flush=True)
            run_quietly([sys.executable, "-m", "venv", folder], options.work / f"{package}-venv.log")
            run_quietly([python, "-m", "pip", "install", "--disable-pip-version-check", f"{package}=={self.version}"],
                        options.work / f"{package}-install.log")
        self.tokenizer = options.work / f"{package}-tokenizer"
        self.tokenizer.mkdir(parents=True, exist_ok=True)
        run_quietly([python, "-c", TOKENIZER, self.tokenizer, self.tokens], options.work / f"{package}-tokenizer.log")


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
                        metrics["output_tokens_per_second"]["successful"]["mean"],
                        metrics["requests_per_second"]["successful"]["mean"])


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
        itl = report.get("inter_token_latency", {}).get("avg")  # Answers of one token have none.
        return Reported(ttft["avg"], ttft["p99"], itl, ttft["count"], report["output_token_throughput"]["avg"],
                        report["request_throughput"]["avg"])


class Vllm(Package):
    """`vllm bench serve`."""
    # Its prompts are random tokens: a byte that alone is no text would become the three of a replacement character,
    # so the tokenizer has only the 94 visible characters of ASCII, which are the first.
    tokens = 94

    def command(self, url, load, out):
        self.environment = {"HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1"}
        return [self.bin / "vllm", "bench", "serve", "--backend", "openai-chat", "--base-url", url,
                "--endpoint", "/v1/chat/completions", "--model", LISTED, "--tokenizer", self.tokenizer,
                "--extra-body", json.dumps({"model": load.model}), "--max-concurrency", load.streams,
                "--num-prompts", load.requests, "--num-warmups", load.warm_up, "--dataset-name", "random",
                "--random-input-len", PROMPT_BYTES, "--random-output-len", load.tokens, "--disable-tqdm",
                "--save-result", "--result-dir", out, "--result-filename", "report.json"]

    def reported(self, out):
        report = read_json(out / "report.json")
        if report["failed"]:
            raise Failed(f"{report['failed']} of {report['num_prompts']} requests failed")
        return Reported(report["mean_ttft_ms"], report["p99_ttft_ms"], report["mean_itl_ms"], report["completed"],
                        report["output_throughput"], report["request_throughput"])


class VllmRust(Vllm):
    """The same command, carried out by the program in Rust that the package brings too."""

    def command(self, url, load, out):
        command = super().command(url, load, out)
        self.environment["VLLM_USE_RUST_BENCH"] = "1"
        return command


CLIENTS = [
    Llmbench("llmbench", one_token_requests=40_000),
    GuideLlm("guidellm", "0.8.1", one_token_requests=1_000),
    AiPerf("aiperf", "0.13.0"),
    Vllm("vllm", "0.33.0", one_token_requests=4_000),
    VllmRust("vllm-rust", "0.33.0", one_token_requests=20_000, package="vllm"),
]


def installed(python, package):
    """The package's version in that environment, `None` without either."""
    if not python.exists():
        return None
    code = f"import importlib.metadata as m; print(m.version({package!r}))"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else None


def read_json(path):
    """What a client left in a file."""
    try:
        return json.loads(path.read_text())
    except OSError as error:
        raise Failed(f"it wrote no {path.name}") from error
