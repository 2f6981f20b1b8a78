"""What a draw says of itself, and what its winners are told."""

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.clock import taipei_date
from app.core.errors import DomainError
from app.draws import queries, rules
from app.draws.models import DRAWN, FROZEN, WINS, WON
from app.draws.queries import DrawShown, PrizeShown, Standing, WinShown
from app.draws.rules import AdultsOnly, EntryLimit, NotOpen
from app.line.taps import AskToEnter, EnterDraw, ShowDraws
from app.members import queries as members
from app.outbox import service as outbox
from app.points.rules import NotEnoughPoints
from flex_templates import draws, wording
from flex_templates.draws import (
    AskView,
    DrawView,
    EnteredView,
    PrizeLine,
    SpunView,
    WonView,
)
from flex_templates.parts import Message, Press, Tap
from flex_templates.theme import Theme

DRAWS = Press(ShowDraws().pack(), says="抽獎")
ODDS_SHOWN = 4  # digits after which a chance is only noise


def explain(refusal: DomainError) -> str:
    match refusal:
        case NotOpen(reason="waiting"):
            return "活動還沒開始，敬請期待。"
        case NotOpen(reason="closed"):
            return "這個活動的抽獎機會隨消費或活動贈送，無法直接參加。"
        case NotOpen():
            return "活動已經截止，謝謝您的參與。"
        case EntryLimit(per="day"):
            return "今天的參加次數已用完，明天再來吧。"
        case EntryLimit():
            return "您已達這個活動的參加次數上限。"
        case AdultsOnly():
            return "獎項含限制品項，限年滿 18 歲的會員參加；尚未填寫生日的會員請先到會員中心補上。"
        case NotEnoughPoints(balance=balance, asked=asked):
            return f"可用點數不足：需要 {asked:,} 點，目前 {balance:,} 點。"
        case _:
            return "暫時無法參加，請稍後再試。"


def left(draw: DrawShown, now: datetime) -> str:
    """How long it still runs, or where its result stands."""
    if draw.status == DRAWN:
        return "已開獎"
    if draw.status == FROZEN or now >= draw.ends_at:
        return f"已截止，{wording.moment(draw.draw_at)} 開獎"
    rest = draw.ends_at - now
    if rest >= timedelta(days=1):
        return f"剩 {rest.days} 天"
    hours, minutes = divmod(int(rest.total_seconds()) // 60, 60)
    return f"剩 {hours} 小時 {minutes} 分" if hours else f"剩 {max(minutes, 1)} 分鐘"


def mine(draw: DrawShown, standing: Standing, won: list[WinShown]) -> str:
    if won:
        return "中獎：" + "、".join(win.prize or "" for win in won)
    if draw.status == DRAWN:
        return "未中獎" if standing.tickets or standing.turn else "未參加"
    if draw.is_wheel:
        spare = f"，還有 {standing.spare} 次" if standing.spare else ""
        return f"已抽 {standing.turn} 次{spare}"
    return f"{len(standing.tickets)} 次" if standing.tickets else "尚未參加"


def can_press(draw: DrawShown, standing: Standing, now: datetime) -> bool:
    if not draw.is_running(now):
        return False
    if draw.is_wheel and standing.spare:
        return True
    has_room = draw.per_member is None or standing.in_all < draw.per_member
    has_today = draw.per_day is None or standing.today < draw.per_day
    return draw.may_enter and has_room and has_today


def label(draw: DrawShown, standing: Standing) -> str:
    if draw.is_wheel:
        return "使用抽獎機會" if standing.spare else "立即抽"
    return "再參加一次" if standing.turn else "我要參加"


def view(
    draw: DrawShown, standing: Standing, won: list[WinShown], *, proof: Tap | None, now: datetime
) -> DrawView:
    pressable = can_press(draw, standing, now)
    return DrawView(
        name=draw.name,
        left=left(draw, now),
        ends_at=draw.ends_at,
        prizes=tuple(PrizeLine(prize.name, prize.quantity, prize.value) for prize in draw.prizes),
        cost=draw.cost,
        mine=mine(draw, standing, won),
        label=label(draw, standing),
        enter=Press(AskToEnter(draw.id).pack(), says="參加抽獎") if pressable else None,
        proof=proof,
    )


def ask_view(draw: DrawShown, standing: Standing, *, balance: int) -> AskView:
    """Pressing confirms one press only, however often it is tapped."""
    cost = 0 if draw.is_wheel and standing.spare else draw.cost
    return AskView(
        name=draw.name,
        cost=cost,
        balance=balance,
        label="確定抽" if draw.is_wheel else "確定參加",
        rules=conditions(draw)[:6],
        confirm=Press(EnterDraw(draw.id, standing.turn).pack(), says="確定參加"),
        cancel=DRAWS,
    )


def odds(draw: DrawShown, prize: PrizeShown) -> str:
    """A wheel's chance in percent, such as `12.5%`."""
    whole = sum(item.weight for item in draw.prizes) + draw.blank_weight
    return f"{prize.weight * 100 / whole:.{ODDS_SHOWN}g}%"


def conditions(draw: DrawShown) -> tuple[str, ...]:
    """What the law wants said, one sentence a line: period, who, how, claim, tax."""
    period = f"{wording.moment(draw.starts_at)} – {wording.moment(draw.ends_at)}"
    who = "年滿 18 歲的會員" if draw.adults_only else "會員"
    limits = [
        f"每人最多 {draw.per_member} 次" if draw.per_member else "",
        f"每日最多 {draw.per_day} 次" if draw.per_day else "",
    ]
    limited = "，" + "、".join(filter(None, limits)) if any(limits) else ""
    at = wording.moment(draw.draw_at)
    how = (
        "每次結果由事先公布雜湊的種子與轉動序號決定，活動結束後公布種子供驗證"
        if draw.is_wheel
        else f"{at} 以事先公布雜湊的種子與凍結名單開獎，種子與名單於開獎後公布"
    )
    lines = [
        f"活動期間：{period}",
        f"參加資格：{who}{limited}",
        f"開獎方式：{how}",
        f"領獎期限：中獎後 {draw.claim_days} 天內，逾期視同放棄",
    ]
    if draw.alternates:
        lines.append(f"備取 {draw.alternates} 名，正取逾期未領時依序遞補")
    if any(rules.tax(prize.value).needs_identity for prize in draw.prizes):
        lines.append(
            "稅務：獎項價值超過 NT$1,000 須提供身分資料申報所得；超過 NT$20,000 扣繳 10%，"
            "非境內居住者一律扣繳 20%"
        )
    if draw.adults_only:
        lines.append("獎項含菸酒等限制品項，未滿 18 歲者不得參加或領取；飲酒過量，有害健康")
    return tuple(lines)


def entered_message(
    draw: DrawShown, ticket: str, standing: Standing, *, now: datetime, theme: Theme
) -> Message:
    again = Press(AskToEnter(draw.id).pack(), says="參加抽獎")
    return draws.entered_message(
        EnteredView(
            draw.name,
            ticket,
            draw.draw_at,
            draw.commitment,
            again if can_press(draw, standing, now) else None,
        ),
        theme,
    )


def spun_message(
    draw: DrawShown, prize: PrizeShown | None, standing: Standing, *, now: datetime, theme: Theme
) -> Message:
    again = Press(AskToEnter(draw.id).pack(), says="參加抽獎")
    return draws.spun_message(
        SpunView(
            name=draw.name,
            prize="" if prize is None else prize.name,
            how="" if prize is None else how_it_comes(draw, prize, now),
            again=again if can_press(draw, standing, now) else None,
            see=DRAWS,
        ),
        theme,
    )


def how_it_comes(draw: DrawShown, prize: PrizeShown, now: datetime) -> str:
    if prize.points or prize.coupon:
        return "獎項已直接放進您的帳戶。"
    last = rules.claim_by(now, draw.claim_days) - timedelta(seconds=1)
    note = rules.tax_note(prize.value)
    return f"請於 {wording.day(taipei_date(last))} 前至門市領獎。{note}"


def send_wins(session: Session, draw: DrawShown, *, theme: Theme, now: datetime) -> None:
    for win_id in session.scalars(
        sa.select(WINS.c.id)
        .where(WINS.c.draw_id == draw.id, WINS.c.status == WON)
        .order_by(WINS.c.rank)
    ).all():
        send_win(session, win_id=win_id, theme=theme, now=now)


def send_win(session: Session, *, win_id: int, theme: Theme, now: datetime) -> None:
    draw_id = session.execute(sa.select(WINS.c.draw_id).where(WINS.c.id == win_id)).scalar_one()
    draw = queries.draw(session, draw_id)
    win = queries.win(session, win_id)
    recipient = members.person(session, win.member_id).line_user_id
    if recipient is None:
        return
    comes_by_itself = bool(win.points or win.coupon)
    last = None if win.claim_by is None else win.claim_by - timedelta(seconds=1)
    view = WonView(
        draw=draw.name,
        prize=win.prize or "",
        ticket=win.ticket,
        claim_by=None if comes_by_itself or last is None else taipei_date(last),
        tax="" if comes_by_itself else rules.tax_note(win.value or 0),
        proof=None,
        see=DRAWS,
    )
    outbox.push(
        session,
        member_id=win.member_id,
        recipient=recipient,
        messages=[draws.won_message(view, theme)],
        kind="draw.won",
        klass="service",
        dedup_key=f"draw-win:{win_id}",
        now=now,
    )
