"""Mean, standard deviation and filter: the last source that states them, within bounds."""

import pytest

from lpt.backbones.preprocessing import Preprocessing
from lpt.errors import BackboneError


def test_the_last_source_that_states_a_field_wins() -> None:
    found = Preprocessing.stated("x", {"mean": 0.1, "std": None}, {"mean": "[0.2, 0.3, 0.4]"})
    assert found == ((0.2, 0.3, 0.4), (0.5, 0.5, 0.5), "bicubic")


@pytest.mark.parametrize(
    ("stated", "said"),
    [
        ({"std": 1e-45}, "std .* above 0"),
        ({"std": 1e30}, "std"),
        ({"mean": -1e308}, "mean"),
        ({"mean": "nan"}, "mean 'nan' is not"),
        ({"mean": "[" * 100_000}, "mean .* not one or three numbers"),
        ({"mean": 10**400}, "mean"),
        ({"mean": {}}, "mean"),
        ({"interpolation": []}, "interpolation .* unknown"),
    ],
)
def test_what_would_overflow_is_refused(stated: dict[str, object], said: str) -> None:
    with pytest.raises(BackboneError, match=said):
        Preprocessing.stated("x", stated)
