"""`python -m lpt.reference FILE...`: print every tensor's largest error; exit 1 above tolerance."""

import sys
from pathlib import Path

from lpt.errors import LptError
from lpt.reference.fixtures import TOLERANCE, check


def main(paths: list[str]) -> int:
    """Print the errors of each file; return 0 if all are in tolerance, 1 if not, 2 on misuse."""
    if not paths:
        print("usage: python -m lpt.reference FILE...", file=sys.stderr)
        return 2
    worst = 0.0
    for path in paths:
        try:
            errors = check(Path(path))
        except LptError as error:
            print(error, file=sys.stderr)
            return 2
        print(path)
        for name, error_size in errors.items():
            verdict = "ok" if error_size <= TOLERANCE else f"above {TOLERANCE:g}"
            print(f"  {name:<28} {error_size:9.2e}  {verdict}")
        worst = max(worst, *errors.values())
    print(f"largest absolute error {worst:.2e}, allowed {TOLERANCE:g}")
    return 0 if worst <= TOLERANCE else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
