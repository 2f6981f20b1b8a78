"""(d) Rendering one card: compiled, against dict + orjson, against the SDK's models."""

import statistics
import time
from collections.abc import Callable

import orjson
from linebot.v3.messaging import FlexMessage

from flex_templates import card
from flex_templates.theme import CAMPHOR
from tests.flex_templates.samples import SILVER_CARD

ROUNDS = 9


def cost(call: Callable[[], object], *, times: int) -> float:
    """CPU microseconds a call."""
    began = time.process_time()
    for _ in range(times):
        call()
    return (time.process_time() - began) / times * 1e6


def main() -> None:
    print("\n(d) rendering one member card")
    message = card.message(SILVER_CARD, CAMPHOR)

    def compiled() -> bytes:
        return card.render_bytes(SILVER_CARD, CAMPHOR)

    def as_dict() -> bytes:
        return orjson.dumps(card.message(SILVER_CARD, CAMPHOR))

    def models() -> object:
        return FlexMessage.from_dict(message).to_json()

    if compiled() != as_dict():
        raise RuntimeError("the compiled card is not the card")
    rounds = [
        (cost(compiled, times=2000), cost(as_dict, times=500), cost(models, times=20))
        for _ in range(ROUNDS)
    ]
    ours, plain, sdk = (statistics.median(side) for side in zip(*rounds, strict=True))
    print(
        f"    {len(compiled())} bytes: compiled {ours:.1f} µs, dict + orjson {plain:.1f} µs "
        f"= {ours / plain:.2f}×, SDK models {sdk:.0f} µs = {sdk / ours:.0f} times slower"
    )
