"""The real product and the LINE simulator as processes of their own, driven over HTTP."""

import multiprocessing
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import httpx

SECRET, TOKEN = "test-secret", "test-token"
START_SECONDS = 60.0


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


# Every process is forked from one that has done the imports: they cost seconds, the rest does not.
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["pytest", "app.cli", "app.main", "app.simulator.__main__"])


def _become(command: list[str], env: Mapping[str, str], log: Path) -> None:
    """The module's `main`, with these arguments, in this process."""
    with log.open("ab", buffering=0) as output:
        for stream in (1, 2):
            os.dup2(output.fileno(), stream)
    os.environ.update({"NO_PROXY": "127.0.0.1"}, **env)
    sys.argv = ["regulars", *command[1:]]
    import_module(command[0]).main()


@dataclass
class Running:
    """A module's `main` that can be killed and started again; with a `port` it listens there."""

    command: list[str]
    port: int | None
    env: Mapping[str, str]
    log: Path
    process: BaseProcess | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self.process = _FORKS.Process(target=_become, args=(self.command, self.env, self.log))
        self.process.start()
        until(self._answers, "the server did not come up: " + self.log.as_posix())

    def kill(self) -> None:
        """kill -9: no goodbye."""
        assert self.process is not None
        self.process.kill()
        self.process.join()

    def stop(self) -> int:
        """SIGTERM; return the exit code."""
        if self.process is None:
            return 0
        if self.process.is_alive():
            self.process.terminate()
            self.process.join(30)
        if self.process.is_alive():
            self.kill()
            raise TimeoutError("the server did not end within 30 seconds")
        return self.process.exitcode or 0

    def _answers(self) -> bool:
        assert self.process is not None
        if self.process.exitcode is not None:
            raise RuntimeError(f"the server ended: {self.log.read_text()[-3000:]}")
        if self.port is None:
            return True
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True


def until(condition: Callable[[], Any], complaint: str, *, seconds: float = START_SECONDS) -> Any:
    """Ask again and again, briefly pausing, until there is an answer."""
    deadline = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(complaint)
        time.sleep(0.02)


@dataclass
class Line:
    """LINE as a test sees it: people do things, messages arrive."""

    http: httpx.Client
    users: list[str] = field(default_factory=list)

    def person(self, name: str) -> str:
        user = self.post("/control/users", {"displayName": name})
        self.users.append(user["userId"])
        return str(user["userId"])

    def follow(self, user: str) -> None:
        self.post(f"/control/users/{user}/follow", {"wait": True})

    def block(self, user: str) -> None:
        self.post(f"/control/users/{user}/block", {"wait": True})

    def say(self, user: str, text: str) -> None:
        self.post(f"/control/users/{user}/message", {"text": text, "wait": True})

    def tap(self, user: str, data: str, **params: str) -> None:
        self.post(f"/control/users/{user}/postback", {"data": data, "params": params, "wait": True})

    def received(self, user: str, *, after: int = 0) -> list[dict[str, Any]]:
        answer = self.get("/control/received", userId=user, after=after, limit=1000)
        return list(answer["received"])

    def awaits(self, user: str, contains: str, *, after: int = 0) -> dict[str, Any]:
        """The first message to that person whose JSON holds these words."""

        def found() -> dict[str, Any] | None:
            for entry in self.received(user, after=after):
                if contains in words_of(entry["message"]):
                    return entry
            return None

        def complaint() -> str:
            got = [words_of(entry["message"])[:300] for entry in self.received(user)]
            return f"{contains!r} did not arrive; got {got}"

        try:
            return dict(until(found, "", seconds=20))
        except AssertionError:
            raise AssertionError(complaint()) from None

    def last_n(self, user: str) -> int:
        return max((entry["n"] for entry in self.received(user)), default=0)

    def sms_to(self, phone: str) -> str:
        answer = until(
            lambda: self.get("/control/sms", to=phone)["sms"], f"no SMS to {phone}", seconds=20
        )
        return str(answer[-1]["text"])

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        return _json(self.http.post(path, json=dict(body)))

    def get(self, path: str, **params: Any) -> Any:
        return _json(self.http.get(path, params=params))


_READ = ("text", "altText", "label")


def words_of(message: object) -> str:
    """What a person reads in a message, one string a line, in order."""
    if isinstance(message, list):
        return "".join(words_of(part) for part in message)
    if not isinstance(message, dict):
        return ""
    return "".join(
        f"{value}\n" if key in _READ and isinstance(value, str) else words_of(value)
        for key, value in message.items()
    )


def _json(answer: httpx.Response) -> Any:
    assert answer.status_code < 300, f"{answer.request.url}: {answer.status_code} {answer.text}"
    return answer.json()


@dataclass
class House:
    """A whole installation: product and platform."""

    product: Running
    platform: Running
    line: Line
    database_url: str
    helpers: list[Running] = field(default_factory=list)


@contextmanager
def house(
    folder: Path,
    database_url: str,
    *,
    port: int | None = None,
    roles: Sequence[str] = ("serve",),
    **more: str,
) -> Iterator[House]:
    """Start all, stop all. `roles` are the processes of the product, the one that answers HTTP
    first; `more` are its settings."""
    product_port, line_port = port or free_port(), free_port()
    platform = Running(
        [
            "app.simulator.__main__", "--port", str(line_port),
            "--webhook", f"http://127.0.0.1:{product_port}/line/webhook",
            "--secret", SECRET, "--token", TOKEN,
        ],
        line_port, {}, folder / "platform.log",
    )  # fmt: skip
    env = {
        "DATABASE_URL": database_url,
        "LINE_API_BASE": f"{platform.url}/api",
        "LINE_CHANNEL_SECRET": SECRET,
        "LINE_CHANNEL_ACCESS_TOKEN": TOKEN,
        "SECRET_KEY": "test-secret-key",
        "PUBLIC_BASE_URL": f"http://127.0.0.1:{product_port}",
        "REGULARS_SMS_URL": f"{platform.url}/control/sms",
    } | more
    product = Running(
        ["app.cli", roles[0], "--port", str(product_port)],
        product_port, env, folder / "product.log",
    )  # fmt: skip
    helpers = [
        Running(["app.cli", role], None, env, folder / f"{role}{number}.log")
        for number, role in enumerate(roles[1:])
    ]
    everything = [platform, product, *helpers]
    try:
        for running in everything:
            running.start()
        with httpx.Client(base_url=platform.url, timeout=30, trust_env=False) as http:
            yield House(product, platform, Line(http), database_url, helpers)
    finally:
        for running in reversed(everything):
            running.stop()
