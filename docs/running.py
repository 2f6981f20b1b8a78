"""A demo in a process and a folder of its own, so that pictures show the product as it runs."""

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CLOCK = "2026-07-04T15:20:00+08:00"  # a Saturday afternoon: the shop is busy
BASIC_ID = "@lichuan"  # for the sheet that the shop prints
MEMBERS = 400
START_SECONDS = 300.0


@contextmanager
def demo() -> Iterator[str]:
    """Seed a small brand, serve it, and yield its address. Raises RuntimeError if it ends early."""
    port = _free_port()
    command = [sys.executable, "-c", "from app.cli import main; main()"]
    options = ["demo", "--port", str(port), "--members", str(MEMBERS)]
    with tempfile.TemporaryDirectory(prefix="regulars-pictures-") as folder:
        journal = Path(folder, "out.log")
        with journal.open("wb") as out:
            process = subprocess.Popen(
                [*command, *options],
                cwd=folder,
                env=os.environ | {"REGULARS_CLOCK": CLOCK, "LINE_BASIC_ID": BASIC_ID},
                stdout=out,
                stderr=out,
            )
        try:
            _wait_for(process, journal)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(30)


def _wait_for(process: subprocess.Popen[bytes], journal: Path) -> None:
    """Until the demo has said where everything is, which it does when it listens."""
    patience = time.monotonic() + START_SECONDS
    while "/simulator/" not in journal.read_text("utf-8"):
        if process.poll() is not None or time.monotonic() > patience:
            raise RuntimeError("the demo did not start: " + journal.read_text("utf-8")[-2000:])
        time.sleep(0.2)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
