import pytest

from lpt.data.images.transforms import eval_transform
from lpt.data.loading import ImageDataset
from lpt.data.sources.open_data import open_data
from lpt.data.tools.throughput import loading_hint, measure_loading, render_throughput
from lpt.errors import DataError


@pytest.fixture
def dataset(make_folder):
    split = open_data(make_folder({"a": 8, "b": 8}), test_fraction=0).splits["train"]
    half = (0.5, 0.5, 0.5)
    return ImageDataset(split, eval_transform(8, half, half, resize=8, rule="squash"))


def test_rates_are_measured_for_each_number_of_workers(dataset):
    rates = measure_loading(dataset, workers=(0, 1), batch=4, images=40)
    assert [rate.workers for rate in rates] == [0, 1]
    assert min(rate.images_per_second for rate in rates) > 0
    lines = render_throughput(rates).splitlines()
    assert len(lines) == 3
    assert " 1.00 " in lines[1]


def test_split_smaller_than_a_batch_is_refused(dataset):
    with pytest.raises(DataError, match="16 images are fewer than a batch of 64"):
        measure_loading(dataset)


def test_hint_comes_only_when_waiting_matters():
    assert loading_hint(1, 100, workers=2) is None
    assert loading_hint(0, 0, workers=2) is None
    assert loading_hint(1, 2, workers=2) is None  # nothing to win in so short an epoch
    assert loading_hint(50, 100, workers=2) == (
        "waiting for images took 50% of the time (2 workers): use more workers (setting "
        "data.workers), or store smaller images."
    )
