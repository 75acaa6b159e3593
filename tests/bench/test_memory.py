"""Peak memory of a step, measured in a separate process."""

import pytest

from lpt.bench.memory import step_memory
from lpt.errors import LptError

SMALL = "vit_tiny_patch8_64"


@pytest.mark.slow
def test_memory_of_a_step_is_measured_in_a_separate_process():
    peak = step_memory("lpt_phase2", SMALL, 2, "cpu")
    assert 0 < peak["step"] < peak["total"]
    with pytest.raises(LptError, match="memory of nothing could not be measured"):
        step_memory("nothing", SMALL, 2, "cpu")
