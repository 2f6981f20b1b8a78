"""門市: where the shops are and when they are open."""

from app.line.events import Event
from app.line.router import Reply, Router
from app.line.taps import ShowStores
from app.staff import queries
from flex_templates import parts
from flex_templates import stores as template
from flex_templates.stores import StoresView, StoreView
from handlers import taps
from handlers.context import Context

routes: Router[Context] = Router("stores")
MOST = 10


@routes.words("門市", "門市查詢", "店鋪", "店舖", "分店", "地址", "營業時間", "store", "stores")
def show_by_word(_event: Event, ctx: Context) -> Reply:
    return _stores(ctx)


@routes.postback(ShowStores)
def show(_event: Event, _data: ShowStores, ctx: Context) -> Reply:
    return _stores(ctx)


@routes.message("location")
def near(_event: Event, ctx: Context) -> Reply:
    """Stores have no coordinates yet, so all are shown."""
    return _stores(ctx)


def _stores(ctx: Context) -> Reply:
    found = queries.open_stores(ctx.session)
    if not found:
        return [parts.say("目前沒有門市資料，請聯絡客服。", (("聯絡客服", taps.CONTACT),))]
    view = StoresView(
        stores=tuple(
            StoreView(store.name, store.address or "", store.hours or "", store.phone or "")
            for store in found[:MOST]
        ),
        total=len(found),
        more=ctx.brand.page("stores"),
    )
    return [template.message(view, ctx.brand.theme)]
