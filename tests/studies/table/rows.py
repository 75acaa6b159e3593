"""Two rows of a table, and a table of them."""

import math
from dataclasses import replace

from lpt.data.class_groups import ClassGroups
from lpt.evaluation import Spread
from lpt.evaluation.bootstrap import Difference
from lpt.studies.define.definition import Published
from lpt.studies.table.study_table import StudyTable, TableRow

PAPER = Published(values={"overall": 0.5007, "few": 0.4688}, source="table 8")
ROW = TableRow(
    label="LPT",
    backbone="vit",
    scores={"overall": Spread(0.5, 0.01), "macro": Spread(0.4, 0.02), "few": Spread(0.25, 0.0)},
    tta={},
    features={"gamma": Spread(1.25, 0.1), "knn": Spread(0.3, 0.1)},
    seeds=3,
    lr="x3",
    absolute_lr=0.03,
    tried={},
    at_edge=False,
    uses_tta=False,
    made_with=("lpt 1, torch 2, 1 thread, cpu, bf16",),
    parameters=1_013_760,
    seconds=Spread(12.34, 0.5),
    peak_memory_bytes=2_000_000_000,
    epochs=(40, 40),
    standard=(40, 40),
    difference={},
    tta_difference={},
    paper=(PAPER,),
    random=False,
    failed="",
)
OTHER = replace(
    ROW,
    label="probe <a & b>",
    scores={"overall": Spread(0.45, math.nan)},
    difference={
        "overall": Difference(-0.05, -0.08, -0.02),
        "few": Difference(-0.01, -0.03, 0.01),
    },
    paper=(),
    epochs=(20,),
    standard=(20,),
)


def table(*rows: TableRow, **changes: object) -> StudyTable:
    made = StudyTable(
        "phases", "what helps?", "table 8", "photos", "LPT", rows or (ROW, OTHER), (),
        ClassGroups(), False, ("Trained on 41 images.",),
    )  # fmt: skip
    return replace(made, **changes)


AUGMENTED = (
    replace(ROW, tta={"overall": Spread(0.525, 0.01)}),
    replace(
        OTHER,
        tta={"overall": Spread(0.475, math.nan)},
        tta_difference={"overall": Difference(-0.05, -0.06, -0.04)},
    ),
)
