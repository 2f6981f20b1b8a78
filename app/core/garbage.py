"""Python's search for reference cycles, set for a process that serves for a long time."""

import gc

# Objects made and not freed before the young ones are looked through; Python's own 700 comes many
# times in every batch of events, and most of them are alive then.
YOUNG = 10_000


def search_rarely() -> None:
    """To be called once, when what stays for good is loaded: the modules, the routes, the tables
    (some hundred thousand objects) are not looked through any more. Measured on a card's way from
    webhook to reply: 9 to 15 % of the CPU."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, *gc.get_threshold()[1:])
