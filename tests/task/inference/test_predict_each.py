"""A few unreadable images cost the others nothing but time, and not much of that."""

from hypothesis import given
from hypothesis import strategies as st

from lpt.errors import DataError
from lpt.task.inference.image_inputs import ImageInput
from lpt.task.inference.predict_each import each_or_error
from lpt.task.prediction import Prediction


@given(st.lists(st.booleans(), max_size=200))
def test_every_image_has_its_prediction_or_its_error_in_order(readable):
    inputs = tuple(ImageInput(f"{i}", good) for i, good in enumerate(readable))
    tried = 0

    def predict(some: tuple[ImageInput, ...], workers: int) -> list[Prediction]:
        nonlocal tried
        tried += len(some)
        for item in some:
            if not item.content:
                raise DataError(f"{item.name}: damaged")
        return [Prediction(item.name, (), (), ()) for item in some]

    found = list(each_or_error(predict, inputs, workers=2)) if inputs else []
    assert len(found) == len(inputs)
    for item, result in zip(inputs, found, strict=True):
        assert isinstance(result, Prediction) == item.content
        name = result.path if isinstance(result, Prediction) else str(result).partition(":")[0]
        assert name == item.name
    assert tried <= 4 * max(1, len(inputs))  # three rounds of eighths
