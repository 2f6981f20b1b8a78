"""`make bench`: all figures, or those named (`python -m bench webhook card`)."""

import sys
from importlib import import_module

PARTS = ("webhook", "template", "card", "purchases", "segments", "nightly", "multicast")


def main() -> None:
    for part in sys.argv[1:] or PARTS:
        import_module(f"bench.{part}").main()


if __name__ == "__main__":
    main()
