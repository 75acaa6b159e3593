"""Which promises a run of the soak has broken."""

from typing import Any

from lpt.serving.serving_records import DeadlineExceeded


def faults(found: dict[str, Any]) -> list[str]:
    """Say which promises were broken."""
    broken: list[str] = []
    if mixed := found.get("mixed"):
        bad = {k: n for k, n in mixed["outcomes"].items() if k != "ok"}
        if bad or sum(mixed["outcomes"].values()) != mixed["requests"]:
            broken.append(f"mixed: {mixed['outcomes']} of {mixed['requests']}: {mixed['wrong']}")
        if mixed["most_bytes"] > mixed["budget_bytes"]:
            broken.append("mixed: more bytes of tasks than the budget")
    if cycles := found.get("cycles"):
        for name in ("threads", "files"):
            if cycles["after"][name] != cycles["before"][name]:
                broken.append(f"cycles: {name} {cycles['before'][name]} -> {cycles['after'][name]}")
        if cycles["after"]["bytes"] > 1.01 * cycles["before"]["bytes"]:
            broken.append(
                f"cycles: bytes {cycles['before']['bytes']} -> {cycles['after']['bytes']}"
            )
    if overload := found.get("overload"):
        for name in ("lost", "answered_twice", "late"):
            if overload[name]:
                broken.append(f"overload: {overload[name]} {name}")
        if overload["longest_queue"] > overload["max_queue"]:
            broken.append(f"overload: the queue held {overload['longest_queue']}")
        if set(overload["outcomes"]) - {"ok", DeadlineExceeded.__name__}:
            broken.append(f"overload: {overload['outcomes']}")
        if overload["refusal_p99"] > 0.05:
            broken.append(f"overload: refusals took {overload['refusal_p99']:.3f} s")
    if (slow := found.get("slow")) and slow["p99_ratio"] > 1.2:
        broken.append(f"slow: the others' p99 is {slow['p99_ratio']:.2f} times that without")
    return broken
