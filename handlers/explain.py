"""為什麼: the member's numbers, each opened down to what made it."""

from app.explanations import queries
from app.explanations.rules import Figure, Line
from app.line.events import Event
from app.line.router import Reply, Router
from app.line.taps import ShowWhy
from flex_templates import explain as template
from flex_templates.explain import Cause, Explained, ExplainView
from handlers import replies, taps
from handlers.context import Context

routes: Router[Context] = Router("explain")


@routes.words("為什麼", "為什麼是這個數字", "怎麼算的", "怎麼算", "why")
def show_by_word(_event: Event, ctx: Context) -> Reply:
    return _figures(ctx)


@routes.postback(ShowWhy)
def show(_event: Event, _data: ShowWhy, ctx: Context) -> Reply:
    return _figures(ctx)


def _figures(ctx: Context) -> Reply:
    if not ctx.member.is_member:
        return [replies.invitation(ctx)]
    found = queries.everything(ctx.session, ctx.member.id, now=ctx.now)
    view = ExplainView(
        figures=tuple(_explained(figure) for figure in found),
        card=taps.CARD,
        page=ctx.brand.page("why"),
    )
    return [template.message(view, ctx.brand.theme)]


def _explained(figure: Figure) -> Explained:
    causes = tuple(_cause(figure, line) for line in figure.lines)
    return Explained(figure.title, figure.value, figure.sentence, causes, figure.rule)


def _cause(figure: Figure, line: Line) -> Cause:
    if line.amount is None:
        return Cause(line.words, "", line.on)
    return Cause(line.words, figure.show(line.amount), line.on)
