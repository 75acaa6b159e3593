"""Predictions of all batches, joined in order."""

import numpy as np
import torch
from torch import Tensor

from lpt.evaluation.inference import predict
from lpt.records import Batch, Match, Output


def batches() -> list[Batch]:
    images = torch.arange(5.0)[:, None, None, None].expand(5, 3, 4, 4)
    ids = torch.arange(5)
    return [Batch(images[part], ids[part] % 2, ids[part]) for part in (slice(0, 3), slice(3, 5))]


def model(images: Tensor) -> Output:
    assert torch.is_inference_mode_enabled()
    value = images[:, :1, 0, 0]
    return Output(torch.cat([value, -value], 1), value, value)


def matching_model(images: Tensor) -> Output:
    plain = model(images)
    ids = plain.query.long().expand(-1, 2)
    prompts = torch.zeros(len(images), 1, 1, 1)
    return Output(
        plain.logits, plain.feature, plain.query, Match(ids, torch.zeros(ids.shape), prompts)
    )


def test_batches_are_joined_in_order_and_counted() -> None:
    done: list[int] = []
    found = predict(model, batches(), on_batch=done.append)
    np.testing.assert_array_equal(found.logits[:, 0], np.arange(5, dtype=np.float32))
    assert found.logits.dtype == np.float32
    assert found.labels.tolist() == [0, 1, 0, 1, 0]
    assert found.matched is None
    assert done == [3, 2]


def test_matched_prompts_are_kept() -> None:
    found = predict(matching_model, batches())
    assert found.matched is not None
    assert found.matched.tolist() == [[i, i] for i in range(5)]
