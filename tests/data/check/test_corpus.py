"""Every bad file of a large corpus is named with its reason, and nothing else is."""

import pytest

from lpt.data.check.check_result import check_data
from lpt.data.images.transforms import eval_transform
from lpt.data.loading import Draw, ImageDataset, make_loader
from lpt.data.sources.open_data import open_data
from lpt.errors import DataError

from .corpus import write_corpus

UNUSABLE = {"empty", "damaged", "not-image", "too-large"}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    root = tmp_path_factory.mktemp("corpus")
    return root, write_corpus(root)


@pytest.fixture(scope="module")
def manifest(corpus):
    return open_data(corpus[0], test_fraction=0, val_fraction=0)


@pytest.mark.parametrize("workers", [0, 2])
def test_200_bad_files_are_each_named_with_their_reason(corpus, manifest, workers):
    _, reasons = corpus
    assert len(reasons) == 200
    report = check_data(manifest, workers=workers)
    reported: dict[str, set[str]] = {}
    for finding in report.findings:
        for place in finding.images:
            reported.setdefault(place.name.rsplit("/", 1)[1], set()).add(finding.kind)
    missed = {name: why for name, why in reasons.items() if why not in reported.get(name, ())}
    assert not missed
    assert not [name for name in reported if name.startswith("ok-")]
    assert report.spoiled


def test_training_stops_at_every_unusable_file_and_substitutes_none(corpus, manifest):
    _, reasons = corpus
    split = manifest.splits["train"]
    half = (0.5, 0.5, 0.5)
    dataset = ImageDataset(split, eval_transform(16, half, half, resize=16, rule="squash"))
    for index in range(len(split)):
        name = split.name_of(index).rsplit("/", 1)[1]
        loader = make_loader(dataset, [[Draw(index)]])
        if reasons.get(name) in UNUSABLE:
            with pytest.raises(DataError, match=name):
                list(loader)
        else:
            assert [b.ids.tolist() for b in loader] == [[index]]
