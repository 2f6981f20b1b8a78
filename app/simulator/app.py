"""Puts the simulator together: Messaging API, control API, chat page."""

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import RedirectResponse

from app.simulator import pages
from app.simulator.api import MessagingApi, Receive, Scope, Send
from app.simulator.chats import Chats
from app.simulator.config import SimulatorConfig
from app.simulator.control import LOOPBACK_ORIGIN, Control
from app.simulator.courier import Courier
from app.simulator.faults import Faults
from app.simulator.state import State


class Simulator:
    """The ASGI app. `state`, `courier`, `chats` and `faults` are there for tests in one process."""

    def __init__(self, config: SimulatorConfig) -> None:
        self.config = config
        self.state = State(config)
        self.courier = Courier(self.state)
        self.chats = Chats(self.state, self.courier)
        self.faults = Faults()
        self._api = MessagingApi(self.state, self.courier, self.faults)
        control = Control(self.state, self.courier, self.chats, self.faults)
        # Members' pages on another port of this machine call the control API through the LIFF SDK.
        cors = Middleware(
            CORSMiddleware,
            allow_origin_regex=LOOPBACK_ORIGIN.pattern,
            allow_methods=["*"],
            allow_headers=["content-type"],
        )
        routes = [*control.routes(), *pages.routes(self.state)]
        self._rest = Starlette(routes=routes, middleware=[cors])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        if scope["type"] != "http":
            await self._rest(scope, receive, send)
            return
        path: str = scope["path"]
        root: str = scope.get("root_path", "")
        if root and path.startswith(root):
            path = path[len(root) :]
        if path.startswith("/api/"):
            await self._api(scope, receive, send, path[4:])
        elif not path:  # `/simulator` without the slash would break relative addresses
            await RedirectResponse(f"{root}/")(scope, receive, send)
        else:
            await self._rest(scope, receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                self.close()
                await send({"type": "lifespan.shutdown.complete"})
                return

    def close(self) -> None:
        """Stop the courier's thread. A mounted app gets no lifespan: its host calls this."""
        self.courier.close()


def create_simulator(config: SimulatorConfig | None = None) -> Simulator:
    return Simulator(config or SimulatorConfig())
