import argparse
import json

import tools.serving_soak
from tools.serving_soak.all_parts import soak

from lpt.backbones import load_backbone
from lpt.machine.allocator import reuse_memory


def main() -> int:
    summary, *_, parts = (tools.serving_soak.__doc__ or "").partition("\n")
    parser = argparse.ArgumentParser(
        description=summary, epilog=parts, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--backbone", default="vit_tiny_patch8_64")
    parser.add_argument("--tasks", type=int, default=100)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--cycles", type=int, default=10_000)
    parser.add_argument("--overload", type=float, default=60.0, help="seconds")
    parser.add_argument("--times", type=float, default=10.0, help="load, in multiples of capacity")
    parser.add_argument("--slow", type=int, default=500, help="clients that send slowly")
    parser.add_argument("--rounds", type=int, default=6, help="with and without slow clients")
    given = vars(parser.parse_args())
    reuse_memory()
    backbone = load_backbone(given.pop("backbone"))
    found = soak(backbone, **given)
    print(json.dumps(found, indent=2))
    return 1 if found["faults"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
