"""為什麼是這個數字: a member's balance, tier, progress bar or coupon, opened down to the purchases,
rules and lots behind it. Read from the very rows that made it."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy.orm import Session

from app.benefits import queries as benefits
from app.benefits.queries import Claimed
from app.checkouts import messages as checkouts
from app.core import money, text
from app.core.clock import TAIPEI, taipei_date
from app.coupons import queries as coupons
from app.coupons.queries import CouponStep
from app.explanations.rules import Figure, Line, with_rest
from app.points import queries as points
from app.points import rules as point_rules
from app.points.queries import LotShown
from app.points.rules import Earned, Lot, formula_from_facts
from app.programmes import queries as programmes
from app.programmes.rules import Terms
from app.purchases import queries as purchases
from app.purchases.queries import Counted
from app.stamps import messages as stamp_words
from app.stamps import queries as stamps
from app.stamps.queries import Standing
from app.tiers import queries as tiers
from app.tiers import rules as tier_rules
from app.tiers.queries import Period
from app.tiers.rules import Progress, words

MOST_SALES: Final = 60
MOST_CLAIMS: Final = 12


def everything(session: Session, member_id: int, *, now: datetime) -> list[Figure]:
    """Usable points, pending points if any, the tier, the way to the next, chosen benefits, stamp
    cards."""
    usable, pending = point_figures(session, member_id, now=now)
    found = [usable, pending, tier(session, member_id, now=now)]
    found += [progress(session, member_id, now=now), *chosen(session, member_id, now=now)]
    found += stamp_cards(session, member_id, now=now)
    return [figure for figure in found if figure.code != "pending" or figure.amount]


# Points -------------------------------------------------------------------------------------------


def point_figures(session: Session, member_id: int, *, now: datetime) -> tuple[Figure, Figure]:
    """(usable, pending): lot by lot, what is left of it and what it came from."""
    stored = points.standing(session, member_id, now=now)
    shown = {item.lot.id: item for item in points.lots_shown(session, member_id)}
    debt = points.stored_debt(session, member_id)
    lots = [item.lot for item in shown.values()]
    due = point_rules.due_changes(lots, debt, now)
    left = [lot for lot in point_rules.changed_by(lots, due) if lot.remaining]
    left.sort(key=lambda lot: lot.spending_order)
    usable = [_lot_line(shown[lot.id], lot) for lot in left if lot.is_active]
    if stored.debt:
        usable.append(Line("退貨時不足扣回的點數，由之後獲得的點數補足", -stored.debt))
    pending = [_lot_line(shown[lot.id], lot) for lot in left if not lot.is_active]
    return (
        Figure(
            code="points",
            title="可用點數",
            value=f"{stored.balance:,} 點",
            amount=stored.balance,
            sentence="每一筆獲得的點數還剩多少，加起來就是可用點數。最快到期的先使用。"
            if usable
            else "目前沒有可用的點數。",
            lines=tuple(usable),
        ),
        Figure(
            code="pending",
            title="待生效點數",
            value=f"{stored.pending:,} 點",
            amount=stored.pending,
            sentence="過了退貨期，這些點數就會變成可用點數。",
            lines=tuple(pending),
        ),
    )


def _lot_line(shown: LotShown, lot: Lot) -> Line:
    details = [*_formula(shown.facts), f"原有 {shown.quantity:,} 點"]
    if shown.quantity > lot.remaining:
        details.append(f"已用或收回 {shown.quantity - lot.remaining:,} 點")
    if not lot.is_active:
        details.append(f"{_day(lot.usable_from)} 起可以使用")
    if lot.expires_at is None:
        details.append("沒有使用期限")
    else:
        details.append(f"可用到 {text.show_date(tier_rules.last_day(lot.expires_at))}")
    if shown.programme_version is not None:
        details.append(f"會員制度第 {shown.programme_version} 版")
    return Line(shown.reason, lot.remaining, taipei_date(lot.earned_at), tuple(details))


def _formula(facts: Mapping[str, Any]) -> list[str]:
    """`每 NT$100 得 1 點：7 點`, `金卡 ×1.5：3 點`."""
    if not {"formula", "base", "bonus"} <= facts.keys():
        return []
    formula = formula_from_facts(facts["formula"])
    total = facts["base"] + facts["bonus"]
    cap = formula.cap
    earned = Earned(facts["base"], facts["bonus"], total if cap is None else min(total, cap))
    return [f"{why.words}：{why.points:+,} 點" for why in checkouts.reasons(earned, formula)]


# Tiers --------------------------------------------------------------------------------------------


def tier(session: Session, member_id: int, *, now: datetime) -> Figure:
    """Which sales or which decision made the tier, and until when it lasts."""
    terms = programmes.terms_at(session, now)
    held = tiers.open_period(session, member_id)
    if held is None:
        lowest = terms.tiers[0].name
        return Figure("tier", "目前等級", lowest, f"入會後從{lowest}開始。")
    made_by = programmes.terms_of(session, held.programme_version)
    name = terms.tier(held.tier_code).name
    figure = Figure(
        code="tier",
        title="目前等級",
        value=name,
        sentence=_why_tier(held, made_by, name),
        rule=f"{_until(held, made_by)}（會員制度第 {made_by.version} 版）",
    )
    if held.reason != "upgrade" or held.upgraded_on is None:
        return figure
    return Figure(
        code="tier",
        title=figure.title,
        value=name,
        amount=held.qualifying,
        sentence=figure.sentence,
        lines=_made_the_tier(session, held, made_by),
        rule=figure.rule,
    )


def _why_tier(held: Period, terms: Terms, name: str) -> str:
    on = _day(held.starts_at)
    if held.reason == "upgrade" and held.upgraded_on is not None:
        return _why_upgraded(held, held.upgraded_on, terms, name)
    sentences = {
        "join": f"{on} 入會，從{name}開始。",
        "renewed": f"前一期到期時已達續等條件，{on} 續等{name}。",
        "downgrade": f"前一期到期時未達續等條件，{on} 起調整為{name}。",
        "manual": f"{on} 由店家指定為{name}。{held.note}",
        "revoked": f"{on} 退貨後未達原等級門檻，調整為{name}。",
        "merged": f"{on} 與另一個會員資格合併，沿用較高的{name}。",
        "parted": f"{on} 取消合併，恢復為{name}。",
    }
    return sentences.get(held.reason, f"{on} 起為{name}。")


def _why_upgraded(held: Period, day: date, terms: Terms, name: str) -> str:
    first = tier_rules.first_day(terms.tiering, day, held.joined_on)
    tier = terms.tier(held.tier_code)
    span = f"{text.show_date(day)} 消費後，{_span(first, day)} 的消費"
    if tier.asks_only_spend:
        sums = f"累積 {money.show(held.qualifying)}，達到{name}門檻 {money.show(tier.threshold)}"
    else:
        sums = f"達到{name}條件：{words.goals(tier, terms.tiering)}"
    return f"{span}{sums}。"


def _span(first: date, last: date) -> str:
    start = "入會以來" if first == tier_rules.EVER else text.show_date(first)
    return f"{start}–{text.show_date(last)}"


def _until(held: Period, terms: Terms) -> str:
    if held.ends_at is None:
        return "沒有到期日，達到更高門檻就升等"
    last = text.show_date(tier_rules.last_day(held.ends_at))
    return f"效期到 {last}，等級{words.length(terms.tiering)}"


def _made_the_tier(session: Session, held: Period, terms: Terms) -> tuple[Line, ...]:
    """The sales of the window that reached the threshold, at what they were worth then: what was
    given back since is a line of its own."""
    assert held.upgraded_on is not None
    first = tier_rules.first_day(terms.tiering, held.upgraded_on, held.joined_on)
    sales = purchases.counted_sales(
        session, held.member_id, first=first, last=held.upgraded_on, limit=MOST_SALES
    )
    lines = [_sale_line(sale) for sale in sales]
    return with_rest(lines, held.qualifying, "其他消費，以及升等之後的消費與退貨")


def progress(session: Session, member_id: int, *, now: datetime) -> Figure:
    """The sales of the window that ends today."""
    terms, today = programmes.terms_at(session, now), taipei_date(now)
    way = tiers.progress(session, member_id, now=now)
    first, spent = way.since, way.sums.spend
    sales = purchases.counted_sales(session, member_id, first=first, last=today, limit=MOST_SALES)
    window = words.window(terms.tiering)
    return Figure(
        code="progress",
        title=f"{window}消費",
        value=money.show(spent),
        amount=spent,
        sentence=f"{_span(first, today)} 的消費合計{_still_missing(way, terms, today)}。",
        lines=with_rest([_sale_line(sale) for sale in sales], spent, "更早的消費"),
        rule=f"只計算{window}；付款後的金額，扣除退貨，不含運費與禮券"
        f"（會員制度第 {terms.version} 版）",
    )


def _still_missing(way: Progress, terms: Terms, today: date) -> str:
    goal = way.next_tier
    if goal is None:
        return "，您已經是最高等級"
    if goal.asks_only_spend:
        counted = words.counted(goal, terms.tiering, today)
        return (
            f"。{goal.name}門檻是 {money.show(goal.threshold)}{counted}，"
            f"還差 {money.show(way.to_next)}"
        )
    sums = way.sums
    done = f"消費 {sums.visits} 次，得 {sums.points:,} 點，單筆最高 {money.show(sums.single)}"
    asked = f"{goal.name}條件是{words.goals(goal, terms.tiering)}；{words.way_up(way)}即可升等"
    return f"；{done}。{asked}"


def _sale_line(sale: Counted) -> Line:
    details = [f"消費 {money.show(sale.amount)}"]
    if sale.refunded:
        details.append(f"已退款 {money.show(sale.refunded)}")
    left_out = sale.amount - sale.refunded - sale.counted
    if left_out:
        details.append(f"不列入的品項 {money.show(left_out)}")
    return Line(sale.store or "線上消費", sale.counted, sale.sold_on, tuple(details))


# Benefits -----------------------------------------------------------------------------------------


def chosen(session: Session, member_id: int, *, now: datetime) -> list[Figure]:
    """What the member chose of the benefits of a tier: for which period, by which terms, and what
    it gave. Nothing for who never could."""
    shown = benefits.choices(session, member_id, now=now)
    claims = benefits.claims_of(session, member_id, limit=MOST_CLAIMS)
    if not (shown or claims):
        return []
    terms = programmes.terms_at(session, now)
    made = [item.claimed for item in shown if item.claimed is not None]
    rest = [f"{item.choice.name}（{item.period}）" for item in shown if item.claimed is None]
    left = f"還可以選：{'、'.join(rest)}。" if rest else ""
    return [
        Figure(
            code="benefits",
            title="任選權益",
            value="、".join(claim.option_name for claim in made) or "尚未選擇",
            sentence=f"每一期選一次，選了不能更改。{left}",
            lines=tuple(_claim_line(claim, terms) for claim in claims),
            rule="等級因退貨撤回時，還沒用的權益一併收回",
        )
    ]


def _claim_line(claim: Claimed, terms: Terms) -> Line:
    coupon = COUPON_STATES.get(claim.coupon_status or "", "")
    details = _present(
        claim.points and f"獲得 {claim.points:,} 點",
        coupon and f"獲得優惠券，{coupon}",
        claim.is_over and "等級撤回時已收回",
        f"選擇時為{terms.tier(claim.tier_code).name}",
        f"會員制度第 {claim.programme_version} 版",
    )
    words = f"{claim.choice_name}：{claim.option_name}"
    return Line(words, None, taipei_date(claim.at), details)


# Stamp cards --------------------------------------------------------------------------------------


def stamp_cards(session: Session, member_id: int, *, now: datetime) -> list[Figure]:
    """Each card under way: which day's purchases stamped it."""
    return [_stamp_card(item) for item in stamps.standings(session, member_id, now=now)]


def _stamp_card(standing: Standing) -> Figure:
    sheet, terms = standing.sheet, standing.sheet.terms
    number = f"第 {sheet.number} 張，" if sheet.number > 1 else ""
    return Figure(
        code=f"stamps-{standing.card.code}",
        title=f"集點卡「{standing.card.terms.name}」",
        value=f"{sheet.stamps}/{terms.size} 格",
        amount=sheet.stamps,
        sentence=f"{number}{stamp_words.how(terms)}。"
        + ("" if sheet.days else "還沒有計入的消費。"),
        lines=tuple(Line(f"{len(day.sales)} 筆消費", day.count, day.on) for day in sheet.days),
        rule=f"{text.show_date(terms.starts_on)} 起的消費，付款後的金額，扣除退貨"
        f"（集點卡第 {standing.card.version} 版）",
    )


# Coupons ------------------------------------------------------------------------------------------

COUPON_STATES: Final = {
    "issued": "可以使用",
    "reserved": "保留中",
    "redeemed": "已使用",
    "expired": "已過期",
    "revoked": "已收回",
}
_STEPS: Final = {
    "issued": "發出",
    "reserved": "保留",
    "released": "解除保留",
    "redeemed": "使用",
    "rolled_back": "退回優惠券匣",
    "expired": "過期",
    "revoked": "收回",
    "reinstated": "恢復",
    "offered": "要送給朋友，等朋友收下",
    "moved": "收下朋友送的券",
    "withdrawn": "收回，不送了",
}
_SOURCES: Final = {
    "welcome": "入會禮",
    "birthday": "生日禮",
    "upgrade": "升等禮",
    "word": "活動代碼",
    "referral": "好友推薦禮",
    "mission": "任務獎勵",
    "stamps": "集點卡獎勵",
    "reward": "點數兌換",
    "benefit": "等級權益",
}


def coupon(session: Session, coupon_id: int, *, member_id: int) -> Figure | None:
    """What happened to a coupon while it was the member's; None when it is not theirs."""
    held = coupons.coupon_of_member(session, coupon_id, member_id=member_id)
    if held is None:
        return None
    last = coupons.last_day_of(held.expires_at)
    return Figure(
        code="coupon",
        title=held.name,
        value=COUPON_STATES.get(held.status, held.status),
        sentence=f"使用期限到 {last} 23:59。" if last else "沒有使用期限。",
        lines=tuple(map(_step_line, _in_these_hands(coupons.steps_of(session, coupon_id)))),
    )


def _in_these_hands(steps: Sequence[CouponStep]) -> Sequence[CouponStep]:
    """From the friend's taking it on: what was before is the giver's own affair."""
    last = max((at for at, step in enumerate(steps) if step.kind == "moved"), default=0)
    return steps[last:]


def _step_line(step: CouponStep) -> Line:
    facts = step.facts
    words = _STEPS.get(step.kind, "異動")
    if step.kind == "issued":
        source = str(facts.get("source", "")).partition(":")[0]
        words = f"{_SOURCES.get(source, '店家')}發出"
    details = _present(
        step.store and f"門市：{step.store}",
        facts.get("discount") and f"折抵 {money.show(facts['discount'])}",
        # Why staff gave it is for the house to read.
        step.kind != "issued" and facts.get("reason") and f"原因：{facts['reason']}",
        f"時間：{step.at.astimezone(TAIPEI):%H:%M}",
    )
    return Line(words, None, taipei_date(step.at), details)


def _present(*details: Any) -> tuple[str, ...]:
    return tuple(detail for detail in details if detail)


def _day(instant: datetime) -> str:
    return text.show_date(taipei_date(instant))
