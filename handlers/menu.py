"""The rich menu: LINE turns its pages by itself and only tells us."""

from app.line.events import Event
from app.line.router import Reply, Router
from app.line.taps import SwitchTab
from handlers.context import Context

routes: Router[Context] = Router("menu")


@routes.postback(SwitchTab)
def turned(_event: Event, _data: SwitchTab, _ctx: Context) -> Reply:
    return []
