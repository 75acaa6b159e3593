"""Phase 2 on a nested set from another start of its group prompts, or with other settings.

    python experiments/2026-11-26_against_lift/start.py TINY_IMAGENET_B OUT NAME FROM copies|mean \\
        [SEED [SETTINGS]]

OUT is that of ../2026-11-24_default_rates/nested.py, FROM a phase 1 in it on the set of SEED
(default 0); SETTINGS as JSON, such as '{"prompts.pool_size": 5}'.
"copies" is the default, copies of the shared prompt. "mean" replaces them by the mean token of each
block, scaled to the spread of the shared prompts and with the same noise.
"""

import json
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "2026-11-24_default_rates"))
import nested
from lpt.training.workbench import Workbench

from lpt.model import LongTailedPromptModel
from lpt.training import session, starts


@torch.no_grad()
def mean_tokens(model: LongTailedPromptModel, bench: Workbench) -> torch.Tensor:
    """Return the mean patch token (L-K, D) before each later block of the shared-prompt pass."""
    shared = [(kv,) for kv in model.shared_kv()]
    sums = [torch.zeros(model.backbone.width) for _ in range(model.split, model.backbone.depth)]

    def encode(images: torch.Tensor) -> torch.Tensor:
        tokens = model.prefix(images).tokens
        for i, total in enumerate(sums):
            total += tokens[:, 1:].mean(1).sum(0)
            if i + 1 < len(sums):
                block = model.split + i
                tokens = model.backbone.run(tokens, [shared[block]], first=block)
        return tokens[:, 0]

    split = bench.some_of_each_class(5)
    bench.features(encode, split, "mean tokens")
    return torch.stack(sums) / len(split)


def from_mean_tokens(model: LongTailedPromptModel, bench: Workbench) -> None:
    starts.start_pool(model, bench)
    prompts, seed = model.pool.prompts, bench.config.seed
    noise = torch.randn(prompts.shape, generator=torch.Generator().manual_seed(seed))
    spread = model.shared.prompts[model.split :].std()
    tokens = mean_tokens(model, bench)
    tokens = (tokens - tokens.mean(1, keepdim=True)) / tokens.std(1, keepdim=True)
    with torch.no_grad():
        prompts.copy_(spread * (tokens[None, :, None] + 0.1 * noise))


def main(
    data: str, out: str, name: str, first: str, start: str, seed: str = "0", settings: str = "{}"
) -> None:
    torch.set_num_threads(1)
    if start == "mean":
        session.start_pool = from_mean_tokens
    entry = {"seed": int(seed), "from": first, "views": 1, "settings": json.loads(settings)}
    print(json.dumps({"name": name, **nested.run(name, entry, Path(data), Path(out))}))


if __name__ == "__main__":
    main(*sys.argv[1:])
