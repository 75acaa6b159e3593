"""An index finds the pairs that exhaustive comparison finds, and no others."""

import numpy as np
import pytest

from lpt.data.check import near_pairs as module
from lpt.data.check.fingerprint import SIZE, similar_pairs
from lpt.data.check.near_pairs import indexed_pairs, near_pairs


def prints_with_copies(images: int, copies: int) -> np.ndarray:
    """Random directions; the last ones are copies of the first ones with some noise."""
    stream = np.random.default_rng(0)
    original = stream.standard_normal((images, SIZE))
    noise = stream.uniform(0.1, 0.35, (copies, 1)) * stream.standard_normal((copies, SIZE))
    found = np.concatenate([original, original[:copies] + noise])
    found *= 254 / np.linalg.norm(found, axis=1, keepdims=True)
    return np.clip(np.round(found), -127, 127).astype(np.int8)


def test_an_index_finds_nearly_all_pairs_and_only_right_ones():
    pytest.importorskip("faiss")
    prints = prints_with_copies(6000, 500)
    prints[100] = 0  # a blank image
    wanted, cosines = similar_pairs(prints)
    found, own = indexed_pairs(prints)
    known = {tuple(pair): cosine for pair, cosine in zip(wanted, cosines, strict=True)}
    assert len(known) > 400
    assert {tuple(pair) for pair in found} <= known.keys()
    assert len(found) >= 0.99 * len(known)
    assert own == pytest.approx([known[tuple(pair)] for pair in found], abs=1e-5)
    assert 100 not in found


def test_the_number_of_pairs_is_bounded():
    pytest.importorskip("faiss")
    same = np.repeat(prints_with_copies(1, 0), 200, axis=0)
    pairs, _ = indexed_pairs(same, most=50)
    assert len(pairs) == 50


def test_few_images_and_a_missing_package_mean_all_pairs(monkeypatch):
    prints = prints_with_copies(50, 10)
    monkeypatch.setattr(module, "indexed_pairs", lambda *_, **__: pytest.fail("indexed"))
    assert len(near_pairs(prints)[0]) == 10
    monkeypatch.setattr(module, "EXHAUSTIVE", 10)
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda _: None)
    assert len(near_pairs(prints)[0]) == 10


def test_many_images_are_indexed_if_the_package_is_there(monkeypatch):
    monkeypatch.setattr(module, "EXHAUSTIVE", 10)
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda _: object())
    monkeypatch.setattr(module, "indexed_pairs", lambda *_, **__: "indexed")
    assert near_pairs(prints_with_copies(20, 2)) == "indexed"
