"""`lpt bench`: speed ratios measured in one run, after results have been compared."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from lpt.backbones.linear import frozen_linear
from lpt.bench.cost import block_runs, needed_flops, sizes_of
from lpt.bench.memory import step_memory
from lpt.bench.rounds import in_turn, machine_facts, median_ratio, spread, timed
from lpt.bench.workload import Workload
from lpt.errors import LptError
from lpt.machine.devices import choose_device
from lpt.progress import plural
from lpt.training.run.device_setup import uses_bf16

__all__ = ["LOGIT_TOLERANCE", "bench", "render"]

LOGIT_TOLERANCE = 1e-5
GRADIENT_TOLERANCE = 1e-4
TASKS = ("inference", "inference_early", "phase1", "phase1_adapters", "phase2", "phase2_cached")


def bench(
    backbone: str = "random:vit_small_patch16_224",
    batch: int = 8,
    repeats: int = 7,
    device: str | None = None,
    precision: str = "auto",
    *,
    memory: bool = True,
) -> dict[str, Any]:
    """Compare lpt with the plain implementation, the bare backbone and the machine's peak.

    Each round runs all variants, so that other load on the machine affects all of them; a ratio is
    the median over rounds of the ratio within a round. "torch_*" variants use torch's own products
    and show the savings of the structure only.

    Args:
        backbone: as for `load_backbone`.
        batch: images per step.
        repeats: rounds, after one warm-up round.
        device: "cpu", "cuda", or None for a GPU if there is one.
        precision: float32 or bf16; auto is bf16 on GPUs and float32 on CPUs. Results are always
            compared in float32.
        memory: whether to measure peak memory too, in one child process per variant.
    Returns: numbers by name, ready for JSON; ratios above 1 are in favour of lpt.
    Raises: LptError if batch or repeats is below 1, if cosine logits differ by more than 1e-5, or
        if gradients differ by more than 1e-4.
    """
    if batch < 1 or repeats < 1:
        raise LptError(f"bench: batch={batch}, repeats={repeats}: both must be at least 1.")
    chosen = choose_device(device)
    device = str(chosen)
    on_cpu = precision == "auto" and chosen.type == "cpu"
    bf16 = uses_bf16("float32" if on_cpu else precision, chosen)
    work = Workload(backbone, batch, device, bf16=bf16)
    logit_error, gradient_error = work.errors()
    if logit_error > LOGIT_TOLERANCE or gradient_error > GRADIENT_TOLERANCE:
        raise LptError(
            f"bench: results differ: cosine logits by {logit_error:.1e} (allowed "
            f"{LOGIT_TOLERANCE:g}), gradients by {gradient_error:.1e} (allowed "
            f"{GRADIENT_TOLERANCE:g}). Speed was not measured. Please report this."
        )
    products = _product_speeds(device, torch.bfloat16 if bf16 else torch.float32)
    peak = max(products.values())
    seconds = in_turn(work.variants(), repeats, device)
    sizes = sizes_of(work.adapted)
    needed = needed_flops(sizes)
    speeds = {name: batch / statistics.median(times) for name, times in seconds.items()}
    result: dict[str, Any] = {
        **_speedups("lpt", seconds),
        "structure_only": _speedups("torch", seconds),
        "max_logit_error": logit_error,
        "max_gradient_error": gradient_error,
        "images_per_second": speeds,
        "spread": {name: spread(times) for name, times in seconds.items()},
        "matmul_gflops": peak / 1e9,
        "matmul_side": _product_side(device),
        "matmul_gflops_by_library": {k: v / 1e9 for k, v in products.items()},
        "share_of_peak": {t: needed[t] * speeds[f"lpt_{t}"] / peak for t in TASKS}
        | {"bare": needed["bare"] * speeds["bare"] / peak},
        "gflop_per_image": {name: value / 1e9 for name, value in needed.items()},
        "block_runs": dict(block_runs(sizes)),
        "backbone": backbone,
        "batch": batch,
        "repeats": repeats,
        "precision": "bf16" if bf16 else "float32",
        **machine_facts(device),
    }
    if memory:
        peaks = {
            name: step_memory(name, backbone, batch, device, result["precision"])
            for name in ("plain_phase2", "lpt_phase2", "lpt_phase2_cached")
        }
        result["peak_memory"] = peaks
        result["memory_ratio"] = peaks["lpt_phase2"]["step"] / peaks["plain_phase2"]["step"]
    return result


def render(result: Mapping[str, Any]) -> str:
    """Format the result of `bench` as a table."""
    speeds, spreads, needed = (
        result[name] for name in ("images_per_second", "spread", "gflop_per_image")
    )
    lines = [
        f"{result['backbone']}, batch {result['batch']}, {result['precision']}, "
        f"{result['machine']}, {plural(result['threads'], 'thread')}, "
        f"torch {result['versions']['torch']}",
        f"largest difference from the plain implementation: cosine logits "
        f"{result['max_logit_error']:.1e}, gradients {result['max_gradient_error']:.1e}",
        "",
        f"{'':<26}{'images/s':>9}{'spread':>9}{'GFLOP':>8}{'of peak':>9}{'speed-up':>10}"
        f"{'structure only':>17}",
    ]
    for name, speed in speeds.items():
        if name.startswith("torch_"):
            continue
        task = name.removeprefix("lpt_")
        line = f"{name:<26}{speed:9.1f}{100 * spreads[name]:8.0f}%"
        if task in needed:
            line += f"{needed[task]:8.1f}{100 * result['share_of_peak'][task]:8.0f}%"
        if name.startswith("lpt_"):
            line += f"{result[f'{task}_speedup']:9.2f}x"
            line += f"{result['structure_only'][f'{task}_speedup']:16.2f}x"
        lines.append(line)
    products = ", ".join(f"{k} {v:,.0f}" for k, v in result["matmul_gflops_by_library"].items())
    runs = result["block_runs"]
    lines += [
        "",
        f"inference runs at {result['backbone_share']:.2f} of the bare backbone's speed "
        f"({result['structure_only']['backbone_share']:.2f} with torch's own products; "
        f"{runs['inference']:.0f} block runs instead of {runs['bare']:.0f}); "
        f"with early matching at {result['early_backbone_share']:.2f} "
        f"({result['structure_only']['early_backbone_share']:.2f})",
        f"matrix products on this machine, {result['matmul_side']} cubed in {result['precision']}, "
        f"GFLOP/s: {products}",
    ]
    if "memory_ratio" in result:
        step = {name: peak["step"] / 2**20 for name, peak in result["peak_memory"].items()}
        lines.append(
            f"peak memory of a phase-2 step: {step['lpt_phase2']:.0f} MB, plain "
            f"{step['plain_phase2']:.0f} MB, ratio {result['memory_ratio']:.2f}"
        )
    return "\n".join(lines)


def _speedups(prefix: str, seconds: Mapping[str, Sequence[float]]) -> dict[str, float]:
    def ratio(slow: str, fast: str) -> float:
        return median_ratio(seconds[slow], seconds[fast])

    ratios = {
        f"{task}_speedup": ratio(
            f"plain_{task.removesuffix('_cached').removesuffix('_early')}", f"{prefix}_{task}"
        )
        for task in TASKS
    }
    return {
        **ratios,
        "backbone_share": ratio("bare", f"{prefix}_inference"),
        "early_backbone_share": ratio("bare", f"{prefix}_inference_early"),
    }


def _product_speeds(device: str, dtype: torch.dtype) -> dict[str, float]:
    """Measure operations per second of a large matrix product, by library."""
    on_gpu = device != "cpu"
    side = _product_side(device)
    a, b = (torch.randn(side, side, dtype=dtype, device=device) for _ in range(2))
    products: dict[str, Callable[[], object]] = {"torch": lambda: a @ b}
    if not on_gpu and dtype == torch.float32:
        products["oneDNN"] = lambda: frozen_linear(a, b)
    with torch.no_grad():
        return {
            name: 2 * side**3 / min(timed(product, device) for _ in range(4))
            for name, product in products.items()
        }


def _product_side(device: str) -> int:
    return 2048 if device == "cpu" else 8192
