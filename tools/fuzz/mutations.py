"""Values that programs trip over, and small damage to bytes, JSON and tables."""

import copy
import json
import math
import random
from typing import Any

__all__ = [
    "NUMBERS",
    "TEXTS",
    "any_value",
    "damaged",
    "damaged_json",
    "damaged_text",
    "safetensors_header",
]

NUMBERS: tuple[Any, ...] = (
    *(0, -1, 1, 2, 7, 255, 2**31 - 1, 2**31, 2**32, 2**53, 2**63, 2**64, -(2**63), 10**30),
    *(0.5, -0.0, 1e308, -1e308, 5e-324, 1e-45, 1e38, math.nan, math.inf, -math.inf),
)
TEXTS = (
    *("", " ", "a", "0", "01", "-1", "1.0", "1e3", "nan", "None", "null", "true", "NaN", "a b"),
    *("a,b", 'a"b', "a\nb", "a\tb", "=1+1", "@x", "../..", "/dev/null", "/etc/passwd", "~"),
    *("\x1b[31m", "\u202egpj", "\ufeffa", "é", "e\u0301", "\U0001f989", "x" * 5000, "train"),
    *("hf-hub:a/b", "random:vit_tiny_patch16_224", "vit_tiny_patch8_64", "1234567890123"),
)


def any_value(rng: random.Random, depth: int = 0) -> Any:
    """Return a number, text, truth value, None, or a small list or mapping of these."""
    kind = rng.randrange(8 if depth < 2 else 5)
    if kind < 2:
        return rng.choice(NUMBERS)
    if kind < 4:
        return rng.choice(TEXTS)
    if kind == 4:
        return rng.choice([None, True, False])
    if kind == 5:
        return [any_value(rng, depth + 1) for _ in range(rng.randrange(4))]
    if kind == 6:
        return {rng.choice(TEXTS): any_value(rng, depth + 1) for _ in range(rng.randrange(4))}
    return [[]] * rng.choice([1, 10, 1000])


def damaged(rng: random.Random, data: bytes) -> bytes:
    """Change, remove, repeat or insert some bytes."""
    changed = bytearray(data)
    for _ in range(rng.choice([1, 1, 1, 2, 4, 16])):
        if not changed:
            return rng.randbytes(rng.randrange(64))
        at, length = rng.randrange(len(changed)), rng.choice([1, 1, 2, 4, 8, 64, 1024])
        action = rng.randrange(6)
        if action == 0:
            changed[at] ^= 1 << rng.randrange(8)
        elif action == 1:
            changed[at : at + length] = rng.randbytes(min(length, len(changed) - at))
        elif action == 2:
            del changed[at : at + length]
        elif action == 3:
            changed[at:at] = changed[at : at + length]
        elif action == 4:
            changed[at : at + 4] = rng.choice(
                [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f"]
            )
        else:
            del changed[at:]
    return bytes(changed)


def damaged_json(rng: random.Random, value: Any) -> Any:
    """Return a copy in which some places hold other values, or are missing or added."""
    root = [copy.deepcopy(value)]
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        node: Any = root
        key: Any = 0
        while isinstance(node[key], dict | list) and node[key] and rng.random() < 0.8:
            node = node[key]
            key = rng.choice(list(node) if isinstance(node, dict) else range(len(node)))
        action = rng.randrange(5)
        if action == 0 and node is not root:
            del node[key]
        elif action == 1 and isinstance(node, dict):
            node[rng.choice(TEXTS)] = any_value(rng)
        elif action == 2 and isinstance(node[key], int | float):
            node[key] = rng.choice(NUMBERS)
        else:
            node[key] = any_value(rng)
    return root[0]


def damaged_text(rng: random.Random, value: Any) -> str:
    """Write damaged JSON, sometimes with damage to the text as well."""
    text = json.dumps(damaged_json(rng, value))
    if rng.random() < 0.15:
        return damaged(rng, text.encode()).decode("utf-8", "replace")
    return text


def safetensors_header(rng: random.Random, data: bytes) -> bytes:
    """Damage the header of a safetensors file: its JSON, its length, or any bytes of the file."""
    if rng.random() < 0.25:
        return damaged(rng, data)
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    part = header.get("__metadata__")
    if part and rng.random() < 0.7:
        key = rng.choice(list(part))
        try:
            part[key] = damaged_text(rng, json.loads(part[key]))
        except ValueError:
            part[key] = rng.choice(TEXTS)
    else:
        header = damaged_json(rng, header)
    text = json.dumps(header).encode()
    stated = rng.choice([0, 1, 2**40, len(text) + 1]) if rng.random() < 0.05 else len(text)
    return stated.to_bytes(8, "little") + text + data[8 + length :]
