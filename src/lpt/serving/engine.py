"""One forward pass for images of any tasks: the method of `lpt.model.two_pass`, task by image.

Images of all tasks share the products with the frozen weights, which are nearly all of the work.
Only prompts, adapters, matching, classifier and temperature differ by image:

    images -> embed -> blocks 1..L with the shared prompts of each image's task -> query
    tokens after block K of the image's task -> blocks K+1..L again, with matched prompts -> feature

An image enters the second pass at block K of its own task, and one whose task has phase 1 only
never enters it, so any K are computed together without extra work. With early matching, an image
leaves the first pass there. A batch is computed in separate
parts only where tensors of one shape are required: for each input size, eps and prompt length P.
Prompts of other lengths could be padded and masked instead; parts need no mask, and keep the sums
of each image those of its task alone. Adapters of other widths are padded with zeros, which add
nothing. The results equal those of each task alone, to rounding.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from lpt.backbones import FrozenViT
from lpt.backbones.blocks.bottleneck import Bottleneck
from lpt.backbones.vit import PromptKV
from lpt.model.early_match import EarlyChoice, choose_nearest
from lpt.model.two_pass import joined_feature
from lpt.serving.backbone_views import BackboneViews
from lpt.serving.first_pass import FirstPass, shared_sets
from lpt.serving.gathered_adapters import gathered_adapters, of_rows
from lpt.serving.task_tables import TaskTables

__all__ = ["Engine", "Query", "Result"]


@dataclass(frozen=True)
class Query:
    """One image and the task that it is for.

    Attributes:
        tables: of the task, on the engine's device.
        image: transformed as the task prescribes, on the CPU.
    """

    tables: TaskTables
    image: Float[Tensor, "3 H H"]


@dataclass(frozen=True)
class Result:
    """What one image gave, on the CPU.

    Attributes:
        probabilities: calibrated.
        matched: ids of the T matched group prompts, nearest first; () for a task of phase 1 only.
        feature: class token after the final norm: the classifier's input.
    """

    probabilities: Float[Tensor, " C"]
    matched: tuple[int, ...]
    feature: Float[Tensor, " D"]


@dataclass(frozen=True)
class _Run:
    """Consecutive images of one task."""

    tables: TaskTables
    rows: slice

    @property
    def size(self) -> int:
        number: int = self.rows.stop - self.rows.start
        return number

    def leaves_at(self, block: int) -> bool:
        """Whether prompts are chosen from the tokens after this block."""
        return self.tables.early_margin is not None and self.tables.split == block

    def choose(self, features: Float[Tensor, "n _"]) -> EarlyChoice:
        """Choose prompts by the estimate."""
        tables = self.tables
        assert tables.early_weight is not None
        assert tables.early_bias is not None
        estimate = features @ tables.early_weight.T + tables.early_bias
        return choose_nearest(estimate, tables.top, tables.early_margin or 0.0)


class Engine:
    """A backbone on a device, which computes batches of images of any tasks.

    It holds no task: each image brings the tables of its own. Several threads may use one engine.

    Args:
        views: the backbone, on its device.
    """

    def __init__(self, views: BackboneViews) -> None:
        self.views = views
        self.device = next(views.backbone.parameters()).device

    @torch.inference_mode()
    def run(self, queries: Sequence[Query]) -> list[Result]:
        """Compute a batch. Returns: one result per image, in order."""
        results: dict[int, Result] = {}
        order = sorted(range(len(queries)), key=lambda i: _order(queries[i].tables))
        for _, positions in groupby(order, key=lambda i: _part(queries[i].tables)):
            part = list(positions)
            results |= zip(part, self._part([queries[i] for i in part]), strict=True)
        return [results[i] for i in range(len(queries))]

    def _part(self, queries: Sequence[Query]) -> Iterable[Result]:
        """Compute images of one view and one P, sorted by K and task, phase 1 only last."""
        runs = _runs(queries)
        backbone = self.views[queries[0].tables.view]
        images = torch.stack([query.image for query in queries]).to(self.device)
        shared = _shared_prompts(runs)
        adapters = gathered_adapters([(run.tables, run.size) for run in runs])
        entering = _entering(runs)
        inside = FirstPass(backbone, images, shared, adapters)
        kept, chosen = [], dict[int, EarlyChoice]()
        for block, rows in entering:
            inside.advance(block)
            kept.append(inside.of(rows))
            early = [run for run in runs if run.leaves_at(block)]
            if early:
                chosen |= _choose(early, inside)
        query = inside.finish()
        if not entering:
            return _results(runs, query, [])
        del inside
        matched, means = _match(runs, query, chosen)
        second = _second_pass(backbone, shared, adapters, entering, kept, means)
        feature = _read(runs, query[: len(second)], second)
        return _results(runs, torch.cat([feature, query[len(feature) :]]), matched)


def _choose(runs: Sequence[_Run], inside: FirstPass) -> dict[int, EarlyChoice]:
    """Choose prompts for consecutive runs, and let the images go for which that is clear.

    Returns: what was chosen, by the first image of the run.
    """
    rows = slice(runs[0].rows.start, runs[-1].rows.stop)
    features, chosen = inside.features(rows), {}
    for run in runs:
        own = features[run.rows.start - rows.start : run.rows.stop - rows.start]
        chosen[run.rows.start] = run.choose(own)
    unclear = torch.cat([choice.unclear for choice in chosen.values()])
    inside.leave(rows.start + (~unclear).nonzero().flatten())
    return chosen


def _part(tables: TaskTables) -> tuple[float | str, ...]:
    """What images must share to be in one tensor."""
    return (*tables.view, tables.length)


def _order(tables: TaskTables) -> tuple[float | str, ...]:
    """Images of one part, of one K, of one task are neighbours; those of phase 1 only are last.

    So are those of early matching, within one K.
    """
    early = tables.early_margin is not None
    return (*_part(tables), tables.top == 0, tables.split, early, tables.top, id(tables))


def _runs(queries: Sequence[Query]) -> list[_Run]:
    runs, start = [], 0
    for _, same in groupby(queries, key=lambda query: id(query.tables)):
        stop = start + len(list(same))
        runs.append(_Run(queries[start].tables, slice(start, stop)))
        start = stop
    return runs


def _entering(runs: Sequence[_Run]) -> list[tuple[int, slice]]:
    """Blocks at which images enter the second pass, each with the rows of these images."""
    both = [run for run in runs if run.tables.top]
    parts = [list(same) for _, same in groupby(both, key=lambda run: run.tables.split)]
    return [(part[0].tables.split, slice(part[0].rows.start, part[-1].rows.stop)) for part in parts]


def _shared_prompts(runs: Sequence[_Run]) -> Float[Tensor, "L 2 B_or_1 heads P head_width"]:
    """Gather keys and values of the shared prompts of each image; one entry for a single task."""
    if len(runs) == 1:
        return runs[0].tables.shared.unsqueeze(2)
    each = [run.tables.shared.unsqueeze(2).expand(-1, -1, run.size, -1, -1, -1) for run in runs]
    return torch.cat(each, dim=2)


def _sets(shared: Tensor, first: int, stop: int, images: int) -> list[tuple[PromptKV, ...]]:
    """Return the shared prompts of some blocks for the first images."""
    return shared_sets(shared if shared.shape[2] == 1 else shared[:, :, :images], first, stop)


def _match(
    runs: Sequence[_Run], query: Float[Tensor, "B D"], early: Mapping[int, EarlyChoice]
) -> tuple[list[Int[Tensor, "_ _"]], list[Float[Tensor, "_ _ P D"]]]:
    """Match the group prompts of each image's task to its query.

    Args:
        early: prompts chosen before, by the first image of the run; unclear ones are matched.
    Returns: ids of the images of each task of two phases, and, for each K, the means of the matched
        prompts.
    """
    unit = F.normalize(query, dim=1)
    nearest: list[Tensor] = []
    means: dict[int, list[Tensor]] = {}
    for run in runs:
        tables = run.tables
        if tables.keys is not None and tables.group is not None:
            ids = (unit[run.rows] @ tables.keys.T).topk(tables.top, dim=1).indices
            if (choice := early.get(run.rows.start)) is not None:
                ids = torch.where(choice.unclear[:, None], ids, choice.ids)
            nearest.append(ids)
            means.setdefault(tables.split, []).append(tables.group[ids].mean(1))
    return nearest, [_joined(parts) for parts in means.values()]


def _second_pass(
    backbone: FrozenViT,
    shared: Tensor,
    adapters: Sequence[Bottleneck],
    entering: Sequence[tuple[int, slice]],
    kept: Sequence[Tensor],
    means: Sequence[Float[Tensor, "_ _ P D"]],
) -> Float[Tensor, "n D"]:
    """Run the images of two phases through the blocks behind their own K, with both prompts."""
    tokens = kept[0][:0]
    blocks = [block for block, _ in entering] + [backbone.depth]
    for part, (first, stop) in enumerate(pairwise(blocks)):
        tokens = torch.cat([tokens, kept[part]]) if part else kept[0]
        inside = list(zip(blocks, means[: part + 1], strict=False))
        group = backbone.prompts_kv(
            [_joined([m[:, block - k] for k, m in inside]) for block in range(first, stop)], first
        )
        own = _sets(shared, first, stop, len(tokens))
        both = [(*one, other) for one, other in zip(own, group, strict=True)]
        beside = of_rows(adapters[first:stop], slice(len(tokens)))
        if stop < backbone.depth:
            tokens = backbone.run(tokens, both, beside, first=first)
    return backbone.finish(tokens, both, beside)


def _read(
    runs: Sequence[_Run], query: Float[Tensor, "n D"], second: Float[Tensor, "n D"]
) -> Float[Tensor, "n D"]:
    """Return what the images of two phases are classified by: the second pass, or both passes."""
    reads_both = [run.tables.reads_both for run in runs if run.tables.top]
    if not any(reads_both):
        return second
    joined = joined_feature(query, second)
    if all(reads_both):
        return joined
    sizes = [run.size for run in runs if run.tables.top]
    rows = torch.tensor(reads_both).repeat_interleave(torch.tensor(sizes)).to(second.device)
    return torch.where(rows[:, None], joined, second)


def _joined(parts: Sequence[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(list(parts))


def _results(
    runs: Sequence[_Run], feature: Float[Tensor, "B D"], nearest: Sequence[Int[Tensor, "_ _"]]
) -> list[Result]:
    """Classify, and bring everything to the CPU; images without `nearest` matched no prompts."""
    unit = F.normalize(feature, dim=1)
    found = [
        (unit[run.rows] @ run.tables.classes.T / run.tables.temperature).softmax(1) for run in runs
    ]
    probabilities = [row for rows in _on_cpu(found) for row in rows]
    matched = [tuple(row) for rows in _on_cpu(nearest) for row in rows.tolist()]
    matched += [()] * (len(feature) - len(matched))
    return list(map(Result, probabilities, matched, feature.cpu()))


def _on_cpu(parts: Sequence[Tensor]) -> list[Tensor]:
    """Move tensors to the CPU in one transfer."""
    if not parts or parts[0].device.type == "cpu":
        return list(parts)
    flat = torch.cat([part.flatten() for part in parts]).cpu()
    pieces = torch.split(flat, [part.numel() for part in parts])
    return [piece.view(part.shape) for piece, part in zip(pieces, parts, strict=True)]
