"""The table of what grows with the number of images."""

import numpy as np
from tools.scale.millions import labels_of, measure, write_rows


def test_every_step_is_measured_on_a_set_without_image_files(tmp_path):
    labels = labels_of(400, 50)
    path = tmp_path / "rows.parquet"
    write_rows(path, labels)
    rows = measure(path, len(labels), 50)
    steps = [row["step"] for row in rows]
    assert steps[0] == "open"
    assert "sampler class-cycle" in steps
    assert "draws of an epoch" in steps
    assert len(set(steps)) == len(steps)
    assert all(float(row["seconds"]) >= 0 and int(row["megabytes"]) >= 0 for row in rows)


def test_class_sizes_fall_and_every_class_has_images():
    counts = np.bincount(labels_of(10_000, 100))
    assert len(counts) == 100
    assert (np.diff(counts) <= 0).all()
    assert counts.min() >= 1
    assert abs(counts.sum() - 10_000) < 200
