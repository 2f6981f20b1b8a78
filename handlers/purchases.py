"""消費紀錄: the latest purchases with their points."""

from app.core.clock import TAIPEI, taipei_date
from app.line.events import Event
from app.line.router import Reply, Router
from app.line.taps import ShowPurchases
from app.points import queries as points
from app.purchases import queries
from app.staff import queries as staff
from app.tiers.rules import window_start
from flex_templates import purchases as template
from flex_templates.purchases import HistoryView, PurchaseLine
from handlers import replies, taps
from handlers.context import Context

routes: Router[Context] = Router("purchases")
LATEST = 8


@routes.words("消費紀錄", "購買紀錄", "消費記錄", "訂單")
def show_by_word(_event: Event, ctx: Context) -> Reply:
    return _history(ctx)


@routes.postback(ShowPurchases)
def show(_event: Event, _data: ShowPurchases, ctx: Context) -> Reply:
    return _history(ctx)


def _history(ctx: Context) -> Reply:
    if not ctx.member.is_member:
        return [replies.invitation(ctx)]
    names = {store.id: store.name for store in staff.open_stores(ctx.session)}
    bought = queries.purchases_of(ctx.session, ctx.member.id, limit=LATEST)
    kept = points.kept_of_sales(ctx.session, [sale.id for sale in bought])
    today = taipei_date(ctx.now)
    view = HistoryView(
        purchases=tuple(
            PurchaseLine(
                at=sale.sold_at.astimezone(TAIPEI),
                store=names.get(sale.store_id or 0, ""),
                amount=sale.amount,
                points=kept.get(sale.id, 0),
                refunded=sale.refunded,
            )
            for sale in bought
        ),
        card=taps.CARD,
        year_total=queries.spent(
            ctx.session, ctx.member.id, first=window_start(today), last=today
        ).amount,
        more=ctx.brand.page("purchases"),
    )
    return [template.history_message(view, ctx.brand.theme)]
