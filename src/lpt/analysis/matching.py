"""Prompt matching: which group prompts match the images of which classes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["ClassFamily", "ClassPrompt", "Matching", "PromptUse", "match_classes", "nearest_keys"]

CHUNK_VALUES = 2**24  # similarities in memory at a time

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class ClassPrompt:
    """Share of a class's images for which a prompt is the best and the second-best match.

    Attributes:
        class_id: the class.
        prompt: index of the prompt in the pool.
        best, second: shares in [0, 1].
    """

    class_id: int
    prompt: int
    best: float
    second: float


@dataclass(frozen=True)
class PromptUse:
    """Share of all images that match a prompt.

    Attributes:
        prompt: index of the prompt in the pool.
        best: share of images whose best match it is.
        matched: share of images that have it among their T matched prompts.
        best_of: `best` over the images of each shot group; None without images.
    """

    prompt: int
    best: float
    matched: float
    best_of: dict[str, float | None]


@dataclass(frozen=True)
class ClassFamily:
    """Classes with the same most frequent best match.

    Attributes:
        prompt: index of the prompt in the pool.
        class_ids: classes by descending share of images whose best match it is.
        share: this share, averaged over the classes.
        groups: number of these classes in each shot group.
    """

    prompt: int
    class_ids: tuple[int, ...]
    share: float
    groups: dict[str, int]


@dataclass(frozen=True)
class Matching:
    """Prompt matching over a split.

    Attributes:
        pool_size: M, prompts in the pool.
        top: T, prompts matched per image.
        classes: pairs of class and prompt that have an image, by class and then prompt.
        use: (M,) use of each prompt.
        effective: effective number of prompts: exp of the entropy of the best matches.
        key_similarity: (M, M) cosines between keys.
        families: classes by most frequent best match, largest family first.
    """

    pool_size: int
    top: int
    classes: tuple[ClassPrompt, ...]
    use: tuple[PromptUse, ...]
    effective: float
    key_similarity: tuple[tuple[float, ...], ...]
    families: tuple[ClassFamily, ...]


def nearest_keys(queries: Floats, keys: Floats, top: int) -> Indices:
    """Find the `top` keys with the largest cosine to each query.

    Args:
        queries: (n, D).
        keys: (M, D).
        top: at most M.
    Returns: (n, top) key indices, nearest first; ties: lowest index first.

    >>> keys = np.array([[1, 0], [0, 2], [-1, 0]], dtype=np.float32)
    >>> nearest_keys(np.array([[3, 1]], dtype=np.float32), keys, top=2).tolist()
    [[0, 1]]
    """
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
    """Measure prompt matching over a split.

    Args:
        queries: (n, D) class tokens of the shared-prompt pass.
        labels: (n,) given classes.
        keys: (M, D).
        top: T, prompts matched per image.
        groups: class indices by shot group.
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
