"""Programs under test, each in a process of its own, with the CPU they used."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import psutil

SECRET, TOKEN = "bench-secret", "bench-token"
START_SECONDS = 60


@dataclass(frozen=True)
class Server:
    port: int
    process: psutil.Process

    def cpu(self) -> float:
        """CPU seconds so far, user and system, of the process and its threads."""
        times = self.process.cpu_times()
        return float(times.user + times.system)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def started(
    command: list[str], *, port: int, env: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """Run `python -m …` until the block ends; it is ready when its port answers."""
    process = subprocess.Popen(
        [sys.executable, *command],
        env=os.environ | {"NO_PROXY": "127.0.0.1"} | dict(env or {}),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL if not os.environ.get("BENCH_DEBUG") else None,
    )
    try:
        _wait_for(port, process)
        yield Server(port, psutil.Process(process.pid))
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with {process.returncode} before it answered")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("the server did not come up")


def settings_env(*, database_url: str, line_base: str, **more: str) -> dict[str, str]:
    return {
        "DATABASE_URL": database_url,
        "LINE_API_BASE": line_base,
        "LINE_CHANNEL_SECRET": SECRET,
        "LINE_CHANNEL_ACCESS_TOKEN": TOKEN,
        "SECRET_KEY": "bench-key",
    } | more
