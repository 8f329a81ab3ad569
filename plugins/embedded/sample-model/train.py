"""python train.py OUT_DIR SECONDS [d layers heads kv ff]     trains on the CPU; run it again with the same OUT_DIR to resume.

The learning rate follows the training time used so far, so that the run ends well at any budget. WORKERS one-thread
processes share each step's gradient over gloo (loopback): on busy cores far faster than threads. Every minute a
checkpoint with the optimizer's state is written; a resumed run draws new data.
"""
import hashlib
import os
import random
import sys
import time

import torch
import torch.distributed as dist
import torch.nn.functional as F

import gen
import heldout
from model import Cfg, LM, copy_init
from prompts import make_prompt
from tok import Tok

OUT, BUDGET = sys.argv[1], float(sys.argv[2])
SHAPE = [int(x) for x in sys.argv[3:8]] if len(sys.argv) > 3 else (192, 4, 6, 3, 320)
WORKERS, RANK = int(os.environ.get("WORKERS", 2)), int(os.environ.get("RANK", -1))
BATCH = int(os.environ.get("BATCH", 2400))     # tokens of one worker's step
END, LONGEST = 2, 2400

if RANK < 0:
    import subprocess
    os.makedirs(OUT, exist_ok=True)
    env = {**os.environ, "OMP_NUM_THREADS": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": os.environ.get("PORT", "29611"), "GLOO_SOCKET_IFNAME": "lo"}
    sys.exit(max(p.wait() for p in [subprocess.Popen([sys.executable, *sys.argv], env={**env, "RANK": str(i)}) for i in range(WORKERS)]))

dist.init_process_group("gloo", rank=RANK, world_size=WORKERS)
torch.manual_seed(1)
torch.set_num_threads(1)
d, layers, heads, kv, ff = SHAPE
tok = Tok("tokenizer.json")
net = LM(Cfg(len(tok.tokens), *SHAPE))
copy_init(net, 2.2)
ORDINARY = [i for i, kind in enumerate(tok.types) if kind == 1]
FORBIDDEN = heldout.digests()


def example(rng, p, split="train"):
    """(prompt, answer) as tokens; p: progress 0..1, from short and plain to long with noise in the prompt"""
    weights = [max(0.12, 1 - 4 * p), 0.35, min(0.3, 2 * p), min(0.3, 1.2 * p), max(0, min(0.12, 0.5 * (p - 0.15)))]
    while True:
        case = gen.make_case(rng, rng.choices(range(5), weights)[0], split)
        assert hashlib.sha256(case.untyped.encode()).hexdigest() not in FORBIDDEN, "a held-out component came up in training"
        system, user = make_prompt(rng, case) if rng.random() < min(0.9, 4 * p) else ("", "```vue\n" + case.untyped + "\n```")
        tok.split_at_random(0.1 if rng.random() < 0.06 else 0)
        prompt = tok.prompt(system, user)
        tok.split_at_random(0)
        if rng.random() < 0.1:                               # tokens that text seldom gives, so that none stays untrained
            prompt[2:2] = rng.sample(ORDINARY, rng.randint(4, 40))
        answer = tok.enc("```vue\n" + case.typed + "\n```") + [END]
        if len(prompt) + len(answer) <= LONGEST:
            return prompt, answer


def batches(examples):
    """groups of similar length, each within BATCH tokens with its padding"""
    group, longest, out = [], 0, []
    for e in sorted(examples, key=lambda e: len(e[0]) + len(e[1])):
        n = len(e[0]) + len(e[1])
        if group and max(longest, n) * (len(group) + 1) > BATCH:
            out.append(group)
            group, longest = [], 0
        group.append(e)
        longest = max(longest, n)
    return out + [group]


def tensors(group, prompt_weight):
    n = max(len(x) + len(y) for x, y in group)
    ids, w = torch.zeros(len(group), n, dtype=torch.long), torch.zeros(len(group), n)
    for i, (x, y) in enumerate(group):
        ids[i, :len(x) + len(y)] = torch.tensor(x + y)
        w[i, 1:len(x)] = prompt_weight
        w[i, len(x):len(x) + len(y)] = 1
    return ids, w


@torch.no_grad()
def orthogonal(g):
    """Newton-Schulz iteration of Muon (K. Jordan, 2024): the nearest orthogonal matrix, roughly"""
    x = g / (g.norm() + 1e-7)
    tall = x.shape[0] > x.shape[1]
    x = x.t() if tall else x
    for _ in range(5):
        a = x @ x.t()
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    return x.t() if tall else x


hd = d // heads
matrices = []   # (parameter, row splits): fused matrices are orthogonalised part by part
for b in net.blocks:
    matrices += [(b.qkv.weight, [d, kv * hd, kv * hd]), (b.o.weight, [d]), (b.gu.weight, [ff, ff]), (b.down.weight, [d])]
momentum = [torch.zeros_like(p) for p, _ in matrices]
rest = [net.emb.weight] + [p for n, p in net.named_parameters() if "norm" in n]
adam = torch.optim.AdamW([{"params": rest, "lr": 3e-3}], betas=(0.9, 0.98), weight_decay=0.0)
params = list(net.parameters())
ema = {n: p.detach().clone() for n, p in net.named_parameters()}
state = dict(step=0, tokens=0, examples=0, seconds=0.0, starts=0)

LAST = os.path.join(OUT, "last.pt")
if os.path.exists(LAST):
    ck = torch.load(LAST, map_location="cpu")
    net.load_state_dict(ck["net"], strict=False)
    adam.load_state_dict(ck["adam"])
    momentum, ema, state = ck["momentum"], ck["ema"], ck["state"]
state["starts"] += 1
rng = random.Random(20260101 + 1000 * state["starts"] + RANK)


def save():
    torch.save(dict(cfg=vars(net.c), net=net.state_dict(), ema=ema, adam=adam.state_dict(), momentum=momentum, state=state), LAST + ".new")
    os.replace(LAST + ".new", LAST)


@torch.no_grad()
def evaluate(examples):
    """(share of examples with every answer token right under teacher forcing, share of right answer tokens)"""
    exact = n = right = total = 0
    for group in batches(examples):
        ids, w = tensors(group, 0)
        good = (net.logits(net.hidden(ids[:, :-1])).argmax(-1) == ids[:, 1:]) | (w[:, 1:] == 0)
        exact, n = exact + good.all(1).sum().item(), n + len(group)
        right, total = right + (good & (w[:, 1:] > 0)).sum().item(), total + (w[:, 1:] > 0).sum().item()
    return round(exact / n, 3), round(right / total, 4)


if RANK == 0:
    print("parameters", sum(p.numel() for p in params), vars(net.c), state, flush=True)
    dev = {split: [example(random.Random(77_000_000 + i), 1.0, split) for i in range(40)] for split in ("train", "held")}
dist.barrier()
start = last_eval = last_log = last_save = time.time()
before = state["seconds"]
pool, log = [], [0, 0.0]
while True:
    now = torch.tensor([before + time.time() - start])
    dist.broadcast(now, 0)
    state["seconds"] = now.item()
    p = now.item() / BUDGET
    if p >= 1:
        break
    if not pool:
        pool = batches([example(rng, p) for _ in range(96)])
        rng.shuffle(pool)
    group = pool.pop()
    ids, w = tensors(group, 0.1 if p < 0.3 else 0)           # the prompt's own text teaches words, at first
    m = w[:, 1:].reshape(-1)
    sel = m > 0
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=p < 0.75):
        logits = net.logits(net.hidden(ids[:, :-1]).reshape(-1, d)[sel])
    losses = F.cross_entropy(logits.float(), ids[:, 1:].reshape(-1)[sel], reduction="none")
    m = m[sel]
    ((losses * m).sum() / m.sum()).backward()
    flat = torch.cat([q.grad.reshape(-1) for q in params])
    dist.all_reduce(flat)
    flat /= WORKERS
    i = 0
    for q in params:
        q.grad.copy_(flat[i:i + q.numel()].view_as(q))
        i += q.numel()
    lr = min(1, (state["step"] + 1) / 60) * (1 if p < 0.4 else max(0.02, (1 - p) / 0.6))
    with torch.no_grad():
        update, i = torch.zeros(sum(q.numel() for q, _ in matrices)), 0
        for j, ((q, parts), v) in enumerate(zip(matrices, momentum)):      # each worker orthogonalises its share
            v.mul_(0.95).add_(q.grad)
            if j // 4 % WORKERS == RANK:
                u = q.grad + 0.95 * v
                update[i:i + q.numel()] = torch.cat([orthogonal(x) * max(1, x.shape[0] / x.shape[1]) ** 0.5 for x in u.split(parts)]).reshape(-1)
            i += q.numel()
        dist.all_reduce(update)
        i = 0
        for q, _ in matrices:
            q.add_(update[i:i + q.numel()].view_as(q), alpha=-0.02 * lr)
            q.grad = None
            i += q.numel()
        torch.nn.utils.clip_grad_norm_(rest, 1.0)
        adam.param_groups[0]["lr"] = 3e-3 * lr
        adam.step()
        adam.zero_grad(set_to_none=True)
        keep = min(0.98, state["step"] / (state["step"] + 50))
        for n, q in net.named_parameters():
            ema[n].lerp_(q, 1 - keep)
        answer = m > 0.5
        log[0], log[1] = log[0] + answer.sum().item(), log[1] + losses[answer].sum().item()
    state["step"] += 1
    state["tokens"] += WORKERS * sum(len(x) + len(y) for x, y in group)
    state["examples"] += WORKERS * len(group)
    if RANK == 0 and time.time() - last_log > 30:
        print(f"{state['seconds']:.0f}s step {state['step']} examples {state['examples']} tokens {state['tokens']} p {p:.3f} answer loss {log[1] / log[0]:.4f} tok/s {state['tokens'] / state['seconds']:.0f}", flush=True)
        log, last_log = [0, 0.0], time.time()
    if RANK == 0 and time.time() - last_save > 60:
        save()
        last_save = time.time()
    if RANK == 0 and time.time() - last_eval > 600:
        print("EVAL", {k: evaluate(v) for k, v in dev.items()}, flush=True)
        last_eval = time.time()
if RANK == 0:
    save()
    print("FINAL", {k: evaluate(v) for k, v in dev.items()}, state, flush=True)
