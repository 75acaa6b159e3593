"""Which group prompts serve which classes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["ClassFamily", "ClassPrompt", "Matching", "PromptUse", "match_classes", "nearest_keys"]

CHUNK_VALUES = 2**24

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class ClassPrompt:
    """Share of a class's images for which a prompt is the best and the second-best match."""

    class_id: int
    prompt: int
    best: float
    second: float


@dataclass(frozen=True)
class PromptUse:
    """Share of images that a prompt serves.

    Attributes:
        best: it is the nearest.
        matched: it is among the T nearest, so that it is averaged into what the image receives.
        best_of: `best` over the images of each group of classes; None without images.
    """

    prompt: int
    best: float
    matched: float
    best_of: dict[str, float | None]


@dataclass(frozen=True)
class ClassFamily:
    """Classes whose images most often match the same prompt best.

    Attributes:
        class_ids: by descending share of images that it is best for.
        share: that share, averaged over the classes.
        groups: how many of the classes are many-, medium- and few-shot.
    """

    prompt: int
    class_ids: tuple[int, ...]
    share: float
    groups: dict[str, int]


@dataclass(frozen=True)
class Matching:
    """Prompt matching over a split.

    Attributes:
        pool_size: M.
        top: T.
        classes: pairs of class and prompt with any image, by class and then prompt.
        use: one for each prompt.
        effective: exp of the entropy of the best prompts: how many prompts are in even use.
        key_similarity: (M, M) cosines of the keys.
        families: largest first.
    """

    pool_size: int
    top: int
    classes: tuple[ClassPrompt, ...]
    use: tuple[PromptUse, ...]
    effective: float
    key_similarity: tuple[tuple[float, ...], ...]
    families: tuple[ClassFamily, ...]


def nearest_keys(queries: Floats, keys: Floats, top: int) -> Indices:
    """Ids of the `top` keys of largest cosine to each query, nearest first: (n, top)."""
    unit = _unit(keys)
    nearest = np.empty((len(queries), top), dtype=np.int64)
    rows = max(1, CHUNK_VALUES // max(len(keys), queries.shape[1]))
    for start in range(0, len(queries), rows):
        similarity = _unit(queries[start : start + rows]) @ unit.T
        nearest[start : start + rows] = np.argsort(-similarity, axis=1, kind="stable")[:, :top]
    return nearest


def match_classes(
    queries: Floats,
    labels: Indices,
    keys: Floats,
    top: int,
    groups: Mapping[str, Sequence[int] | Indices],
) -> Matching:
    """Measure the matching of a split.

    Args:
        queries: (n, D) class tokens of the shared-prompt pass.
        labels: (n,).
        keys: (M, D).
        top: T, prompts averaged an image.
        groups: class indices by group name.
    Source: LPT (ICLR 2023), figures 4 and 6.
    """
    size, images = len(keys), len(labels)
    nearest = nearest_keys(queries, keys, min(size, max(top, 2)))
    tested = np.bincount(labels)
    best = _pairs(labels, nearest[:, 0], size)
    second = _pairs(labels, nearest[:, 1], size) if size > 1 else {}
    classes = tuple(
        ClassPrompt(
            code // size,
            code % size,
            best.get(code, 0) / int(tested[code // size]),
            second.get(code, 0) / int(tested[code // size]),
        )
        for code in sorted(best.keys() | second.keys())
    )
    first = np.bincount(nearest[:, 0], minlength=size)
    matched = np.bincount(nearest[:, :top].ravel(), minlength=size)
    of_group = {name: nearest[np.isin(labels, ids), 0] for name, ids in groups.items()}
    use = tuple(
        PromptUse(
            m,
            float(first[m] / images),
            float(matched[m] / images),
            {g: float((ids == m).mean()) if len(ids) else None for g, ids in of_group.items()},
        )
        for m in range(size)
    )
    shares = first[first > 0] / images
    unit = _unit(keys)
    similarity = np.clip(unit @ unit.T, -1, 1)
    return Matching(
        pool_size=size,
        top=top,
        classes=classes,
        use=use,
        effective=float(np.exp(-(shares * np.log(shares)).sum())),
        key_similarity=tuple(tuple(round(float(v), 4) for v in row) for row in similarity),
        families=_families(classes, groups),
    )


def _pairs(labels: Indices, prompts: Indices, size: int) -> dict[int, int]:
    codes, counts = np.unique(labels * size + prompts, return_counts=True)
    return dict(zip(codes.tolist(), counts.tolist(), strict=True))


def _families(
    classes: Sequence[ClassPrompt], groups: Mapping[str, Sequence[int] | Indices]
) -> tuple[ClassFamily, ...]:
    favourite: dict[int, ClassPrompt] = {}
    for pair in classes:
        known = favourite.get(pair.class_id)
        if known is None or pair.best > known.best:
            favourite[pair.class_id] = pair
    by_prompt: dict[int, list[ClassPrompt]] = {}
    for pair in favourite.values():
        by_prompt.setdefault(pair.prompt, []).append(pair)
    group_of = {int(c): name for name, ids in groups.items() for c in ids}
    families = []
    for prompt, pairs in by_prompt.items():
        pairs.sort(key=lambda pair: (-pair.best, pair.class_id))
        names = [group_of[pair.class_id] for pair in pairs]
        families.append(
            ClassFamily(
                prompt,
                tuple(pair.class_id for pair in pairs),
                sum(pair.best for pair in pairs) / len(pairs),
                {group: names.count(group) for group in groups},
            )
        )
    return tuple(sorted(families, key=lambda f: (-len(f.class_ids), f.prompt)))


def _unit(values: Floats) -> Floats:
    lengths = np.linalg.norm(values, axis=1, keepdims=True)
    unit: Floats = values / np.maximum(lengths, 1e-12)
    return unit
