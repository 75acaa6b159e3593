"""The section "data" of a configuration."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from lpt.config.ranges import Count, Factor, Share, Text, Workers
from lpt.config.section import Section
from lpt.data.defaults import FEW_BELOW, MANY_ABOVE, TEST_FRACTION, VAL_FRACTION

__all__ = ["DataConfig", "PseudoLabelConfig"]


class DataConfig(Section):
    """Training data, and which images are held out.

    Validation images are taken from the training images, never from the test images.

    Attributes:
        source: the data, as for `lpt train`.
        val_fraction: share of the training images held out for validation, if the data has none.
        test_fraction: share of the images held out for testing, if the data has none.
        group_by: column (animal, patient, video); images with the same value stay in one split.
        bad_images: null stops at the first bad image; "error" reads all images first and stops if
            any would spoil training; "skip" leaves those out; a path leaves out the images of that
            quarantine list.
        corrections: list of corrected labels and of images to leave out, which `lpt review` writes;
            null for none.
        unlabelled: folder of unlabelled photos; phase 2 trains on those that the model of phase 1
            gives a label (`pseudo_labels`). Null for none.
        max_val_images: most validation images that are scored after an epoch.
        many_above: classes with more training images are many-shot.
        few_below: classes with fewer training images are few-shot.
        workers: processes that load images; 0 loads in the training process, null chooses.
        start_method: how these processes start; null takes the platform's default.
        check_content: compare the bytes of image files with those at the start, not only sizes.
        max_pixels: largest width * height of an image; null takes the environment variable
            LPT_MAX_PIXELS, or 89,478,485. Decoding takes up to 8 bytes of memory per pixel of it.
    """

    source: Text = ""
    val_fraction: Annotated[float, Field(ge=0, lt=1)] = VAL_FRACTION
    test_fraction: Annotated[float, Field(ge=0, lt=1)] = TEST_FRACTION
    group_by: Text | None = None
    bad_images: Text | None = None
    corrections: Text | None = None
    unlabelled: Text | None = None
    max_val_images: Count = 2000
    many_above: Count = MANY_ABOVE
    few_below: Count = FEW_BELOW
    workers: Workers | None = None
    start_method: Literal["fork", "spawn", "forkserver"] | None = None
    check_content: bool = False
    max_pixels: Count | None = None

    @model_validator(mode="after")
    def _groups_in_order(self) -> Self:
        if self.few_below > self.many_above + 1:
            raise ValueError(
                f"few_below={self.few_below} must be at most many_above + 1 = {self.many_above + 1}"
            )
        return self


class PseudoLabelConfig(Section):
    """Which predictions of phase 1 become labels of unlabelled photos (`data.unlabelled`).

    Attributes:
        alpha: classes keep (N_mirrored / N_1) ** alpha of their predictions, the most probable
            ones: the rarest class all, the most frequent one fewest (CReST); 0 keeps all.
        min_probability: smallest probability of a label, in all classes.
    """

    alpha: Factor = 0.33
    min_probability: Share = 0.5
