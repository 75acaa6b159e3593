"""Run the demo with dropout before the classifier, in baselines and LPT alike.

    python experiments/2026-11-27_dropout/digits.py DROPOUT SEED

Prints the rows of `lpt demo`: many-, medium- and few-shot accuracy on its 300 test images.
"""

import sys
import tempfile
from pathlib import Path

from lpt.training.reporting import SilentReporter

from lpt.studies import demo


def main() -> None:
    dropout, seed = float(sys.argv[1]), int(sys.argv[2])
    demo.SETTINGS["classifier.dropout"] = dropout
    with tempfile.TemporaryDirectory() as folder:
        report = demo.run_demo(Path(folder) / "run", seed, SilentReporter())
    print(report.split("\n\n")[0])


if __name__ == "__main__":
    main()
