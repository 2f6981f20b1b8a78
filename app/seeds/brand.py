"""The shop of the demonstration: its programme, coupons, stores, staff and goods. All invented."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy.orm import Session

from app.core.clock import taipei_date, taipei_midnight
from app.coupons import service as coupons
from app.coupons.rules import Conditions, KindDraft
from app.missions import service as missions
from app.missions.rules import MissionDraft, Step, Window
from app.missions.rules import Reward as MissionPrize
from app.programmes import service as programmes
from app.programmes.rules import (
    DEFAULT,
    Campaign,
    Choice,
    InvoiceTerms,
    Option,
    Terms,
    Tier,
)
from app.rewards import service as rewards
from app.rewards.rules import RewardDraft
from app.segments import rules as segment_rules
from app.segments import service as segments
from app.staff import service as staff
from app.stamps import service as stamps
from app.stamps.rules import Milestone, StampDraft

NAME: Final = "栗川茶事"
NAME_EN: Final = "Lichuan Tea & Home"
TAX_ID: Final = "04595257"  # a well-formed 統一編號, the example of the rule
BASIC_ID: Final = "@lichuan"
PASSWORD: Final = "regulars-demo"  # noqa: S105  # printed for everybody; guards nothing real


@dataclass(frozen=True, slots=True)
class Product:
    """`cycle` is after how many days it is usually used up; None: it lasts."""

    sku: str
    name: str
    category: str
    price: int  # NT$
    cycle: int | None = None


TEA, WARE, HOME, SCENT, SNACK, GIFT, SHIPPING = (
    "茶葉",
    "茶器",
    "居家",
    "香氛",
    "茶點",
    "禮盒",
    "shipping",  # earns nothing and counts towards no tier
)
PRODUCTS: Final = (
    Product("TEA-001", "阿里山高山烏龍 75g", TEA, 680, 40),
    Product("TEA-002", "凍頂烏龍 中焙火 150g", TEA, 820, 55),
    Product("TEA-003", "文山包種 75g", TEA, 560, 35),
    Product("TEA-004", "日月潭紅玉紅茶 50g", TEA, 520, 30),
    Product("TEA-005", "東方美人 50g", TEA, 980, 45),
    Product("TEA-006", "鐵觀音 重焙火 100g", TEA, 640, 40),
    Product("TEA-007", "蜜香紅茶 三角茶包 15 入", TEA, 320, 20),
    Product("TEA-008", "桂花烏龍 三角茶包 15 入", TEA, 340, 20),
    Product("TEA-009", "玄米煎茶 100g", TEA, 290, 30),
    Product("TEA-010", "洋甘菊蘋果草本茶 12 入", TEA, 260, 18),
    Product("TEA-011", "冷泡茶 四季春 10 入", TEA, 220, 14),
    Product("TEA-012", "老茶 2009 年陳 50g", TEA, 1680, 120),
    Product("WARE-101", "白瓷蓋碗 120ml", WARE, 780),
    Product("WARE-102", "手拉坯陶壺 200ml", WARE, 2380),
    Product("WARE-103", "雙層玻璃杯 2 入", WARE, 690),
    Product("WARE-104", "冷泡茶壺 1L", WARE, 590),
    Product("WARE-105", "竹節茶則", WARE, 280),
    Product("WARE-106", "旅行茶具組", WARE, 1480),
    Product("WARE-107", "琺瑯熱水壺 1.2L", WARE, 1980),
    Product("HOME-201", "亞麻茶巾", HOME, 240, 90),
    Product("HOME-202", "柚木托盤 30cm", HOME, 880),
    Product("HOME-203", "純棉廚房巾 3 入", HOME, 360, 100),
    Product("HOME-204", "粗陶盤 21cm", HOME, 520),
    Product("HOME-205", "藺草餐墊", HOME, 320),
    Product("HOME-206", "胡桃木筷 5 雙", HOME, 650, 180),
    Product("HOME-207", "棉麻抱枕套", HOME, 690),
    Product("SCENT-301", "檜木擴香 100ml", SCENT, 980, 75),
    Product("SCENT-302", "白茶蠟燭 180g", SCENT, 780, 60),
    Product("SCENT-303", "艾草線香 50 入", SCENT, 380, 50),
    Product("SCENT-304", "柚花護手霜 50ml", SCENT, 420, 45),
    Product("SNACK-401", "烏龍茶鳳梨酥 6 入", SNACK, 330, 25),
    Product("SNACK-402", "黑糖核桃糕 12 入", SNACK, 280, 25),
    Product("SNACK-403", "海鹽花生糖 200g", SNACK, 220, 21),
    Product("SNACK-404", "桂圓堅果 180g", SNACK, 260, 21),
    Product("GIFT-501", "兩罐高山茶禮盒", GIFT, 1680),
    Product("GIFT-502", "中秋茶點禮盒", GIFT, 1280),
    Product("GIFT-503", "新春團圓茶禮", GIFT, 2280),
    Product("GIFT-504", "謝師茶器禮盒", GIFT, 2880),
    Product("GIFT-505", "入厝居家禮盒", GIFT, 1980),
)
DELIVERY: Final = Product("SHIP-001", "宅配運費", SHIPPING, 100)


@dataclass(frozen=True, slots=True)
class StoreDraft:
    code: str
    name: str
    city: str
    address: str
    phone: str
    hours: str


STORES: Final = (
    StoreDraft(
        "taipei",
        "台北永康門市",
        "臺北市",
        "臺北市大安區栗園街 18 巷 6 號",
        "02-5550-0101",
        "每日 11:00–21:30",
    ),
    StoreDraft(
        "taichung",
        "台中草悟門市",
        "臺中市",
        "臺中市西區川口一街 52 號",
        "04-5550-0102",
        "每日 11:00–21:30",
    ),
    StoreDraft(
        "kaohsiung",
        "高雄駁二門市",
        "高雄市",
        "高雄市鹽埕區茶港街 9 號 1 樓",
        "07-555-0103",
        "每日 11:00–21:30（週一公休）",
    ),
)


@dataclass(frozen=True, slots=True)
class StaffDraft:
    """`store` None: works in every one."""

    login: str
    name: str
    role: str
    store: str | None = None


STAFF: Final = (
    StaffDraft("owner", "栗原店長", "owner"),
    StaffDraft("marketer", "方語彤", "marketer"),
    StaffDraft("analyst", "沈柏翰", "analyst"),
    StaffDraft("support", "羅巧玲", "support"),
    StaffDraft("manager", "許文華", "store_manager", "taipei"),
    StaffDraft("clerk", "江宜庭", "clerk", "taipei"),
    StaffDraft("clerk2", "白承恩", "clerk", "taichung"),
    StaffDraft("clerk3", "余思妤", "clerk", "kaohsiung"),
)


def _terms_text(*lines: str, is_own: bool = True) -> str:
    own = "限本人使用，" if is_own else ""
    return "\n".join((*lines, f"{own}不得兌換現金或找零。"))


KINDS: Final = (
    KindDraft(
        code="welcome",
        name="入會禮 NT$100",
        type="amount_off",
        value=100,
        min_spend=500,
        valid_days=60,
        per_member_limit=1,
        terms=_terms_text("單筆消費滿 NT$500 可折抵 NT$100。", "每位會員限領一張。"),
    ),
    KindDraft(
        code="birthday",
        name="生日禮 9 折",
        type="percent_off",
        value=10,
        cap=300,
        min_spend=300,
        stacking="stackable",
        valid_days=30,
        terms=_terms_text("單筆消費滿 NT$300 享 9 折，最高折抵 NT$300。"),
    ),
    KindDraft(
        code="upgrade_silver",
        name="銀卡升等禮 NT$100",
        type="amount_off",
        value=100,
        min_spend=600,
        stacking="stackable",
        valid_days=90,
        terms=_terms_text("單筆消費滿 NT$600 可折抵 NT$100。"),
    ),
    KindDraft(
        code="upgrade_gold",
        name="金卡升等禮 NT$300",
        type="amount_off",
        value=300,
        min_spend=1_500,
        stacking="stackable",
        valid_days=90,
        terms=_terms_text("單筆消費滿 NT$1,500 可折抵 NT$300。"),
    ),
    KindDraft(
        code="upgrade_platinum",
        name="白金卡升等禮 NT$1,000",
        type="amount_off",
        value=1_000,
        min_spend=3_000,
        stacking="stackable",
        valid_days=90,
        terms=_terms_text("單筆消費滿 NT$3,000 可折抵 NT$1,000。"),
    ),
    KindDraft(
        code="tasting",
        name="當季茶品一杯",
        type="gift",
        stacking="stackable",
        valid_days=45,
        giving="once",
        goodwill=True,
        terms=_terms_text("門市兌換當季茶品一杯，冷熱不拘。", is_own=False),
    ),
    KindDraft(
        code="delivery",
        name="宅配免運",
        type="free_shipping",
        value=0,
        cap=100,
        min_spend=800,
        stacking="stackable",
        valid_days=60,
        conditions=Conditions(tiers=("gold", "platinum")),
        terms=_terms_text("單筆消費滿 NT$800 免運費，限金卡與白金卡會員。"),
    ),
    KindDraft(
        code="season_tenth",
        name="本季 9 折券",
        type="percent_off",
        value=10,
        cap=300,
        valid_days=60,
        giving="once",
        terms=_terms_text("單筆 9 折，最高折抵 NT$300。", is_own=False),
    ),
    KindDraft(
        code="reward_tote",
        name="棉麻帆布袋兌換券",
        type="gift",
        valid_days=60,
        terms=_terms_text("門市兌換棉麻帆布袋一個，顏色依現場為準。"),
    ),
    KindDraft(
        code="reward_tea",
        name="高山烏龍茶 75g 兌換券",
        type="gift",
        valid_days=60,
        terms=_terms_text("門市兌換高山烏龍茶 75g 一罐。"),
    ),
    KindDraft(
        code="reward_cup",
        name="柴燒茶杯加購券 NT$199",
        type="fixed_price",
        value=199,
        valid_days=60,
        terms=_terms_text("以 NT$199 換購柴燒茶杯一只（原價 NT$520），花色隨機。"),
    ),
    KindDraft(
        code="reward_100",
        name="點數折價券 NT$100",
        type="amount_off",
        value=100,
        min_spend=300,
        valid_days=60,
        terms=_terms_text("單筆消費滿 NT$300 可折抵 NT$100。"),
    ),
    KindDraft(
        code="voucher_500",
        name="商品禮券 NT$500",
        type="amount_off",
        value=500,
        kind="paid",
        terms="商品禮券無使用期限，餘額可續用；不得與現金找零。",
    ),
)


REWARDS: Final = (
    RewardDraft(
        code="coupon_100",
        name="NT$100 折價券",
        points=90,
        coupon="reward_100",
        description="單筆消費滿 NT$300 可折抵 NT$100。",
        icon="券",
    ),
    RewardDraft(
        code="tote",
        name="棉麻帆布袋",
        points=120,
        coupon="reward_tote",
        description="米白厚磅帆布，剛好放進一本 A4 筆記本與一罐茶。",
        colour="silver",
        icon="袋",
        stock=300,
        per_member_limit=2,
    ),
    RewardDraft(
        code="tea",
        name="高山烏龍茶 75g",
        points=180,
        coupon="reward_tea",
        description="當季春茶，輕發酵，回甘清甜。",
        colour="plain",
        icon="茶",
        unclaimed="returned",
    ),
    RewardDraft(
        code="cup",
        name="柴燒茶杯",
        points=60,
        coupon="reward_cup",
        description="手作柴燒，每只花色不同。領取時另付 NT$199。",
        colour="bronze",
        icon="杯",
        stock=80,
        per_member_limit=1,
    ),
    RewardDraft(
        code="tasting",
        name="春茶品茗席次",
        points=300,
        coupon="tasting",
        description="金卡以上會員限定，由茶師沖泡三款春茶。",
        colour="gold",
        icon="席",
        stock=12,
        per_member_limit=1,
        tiers=("gold", "platinum"),
        cancel_hours=72,
    ),
)


@dataclass(frozen=True, slots=True)
class OpenStore:
    id: int
    code: str
    clerks: tuple[int, ...]  # staff ids


@dataclass(frozen=True, slots=True)
class Shop:
    """The rows a history refers to."""

    stores: tuple[OpenStore, ...]
    owner_id: int


def campaigns(now: datetime) -> tuple[Campaign, ...]:
    """One long past, one that ended some weeks ago."""
    today = taipei_date(now)

    def days_ago(days: int) -> datetime:
        return taipei_midnight(today - timedelta(days=days))

    return (
        Campaign("anniversary", "週年慶三倍點", days_ago(300), days_ago(290), 300),
        Campaign("new-tea", "新茶季雙倍點", days_ago(48), days_ago(41), 200),
    )


SEASON: Final = Choice(
    "season",
    "每季任選一項",
    "quarter",
    (
        Option("delivery", "宅配免運", coupon="delivery"),
        Option("tenth", "9 折券", coupon="season_tenth"),
        Option("points", "50 點", 50),
    ),
)
TASTING: Final = Choice(
    "tasting", "年度品茗一席", "year", (Option("tasting", "品茗券", coupon="tasting"),)
)


def tiers() -> tuple[Tier, ...]:
    """Gold and platinum choose something each season; platinum fetches a tasting each year."""
    choices = {"gold": (SEASON,), "platinum": (SEASON, TASTING)}
    return tuple(replace(tier, choices=choices.get(tier.code, ())) for tier in DEFAULT.tiers)


def programme(now: datetime) -> Terms:
    return replace(
        DEFAULT,
        tiers=tiers(),
        earning=replace(DEFAULT.earning, campaigns=campaigns(now)),
        invoices=InvoiceTerms(is_on=True, sellers=(TAX_ID,)),
    )


MISSIONS_SINCE: Final = timedelta(days=95)  # the last three months and some days
MISSIONS: Final = (
    MissionDraft(
        "newcomer",
        "新客挑戰",
        (Step("visits", 2),),
        description="入會 30 天內來店兩次，送您當季茶品一杯。",
        window=Window("joined", days=30),
        reward=MissionPrize(coupon="tasting"),
    ),
    MissionDraft(
        "monthly",
        "每月常客",
        (Step("visits", 3),),
        description="這個月來店三次，送 30 點。",
        window=Window("month"),
        repeats=True,
        reward=MissionPrize(30),
    ),
    MissionDraft(
        "habit",
        "連續三個月",
        (Step("visits", 1),),
        description="連續三個月都來店，送 50 點。",
        window=Window("month"),
        streak=3,
        repeats=True,
        reward=MissionPrize(50),
    ),
)


STAMPS_SINCE: Final = timedelta(days=75)


SEGMENTS = ("regulars", "drowsy")  # kept from the start


def stamp_card(since: date) -> StampDraft:
    return StampDraft(
        code="tea",
        name="茶香集點卡",
        size=10,
        milestones=(Milestone(5, points=30), Milestone(10, coupon="tasting")),
        starts_on=since,
        description="來店就蓋一格，集滿十格送當季茶品一杯。",
        amount=200,
    )


def open_shop(session: Session, *, opened_at: datetime, now: datetime) -> Shop:
    """Write down everything a shop has on the day it opens, and the terms of its second year."""
    programmes.publish(
        session, DEFAULT, starts_at=opened_at, actor="seed", now=opened_at, note="開幕會員制度"
    )
    programmes.publish(
        session,
        programme(now),
        starts_at=max(opened_at, taipei_midnight(taipei_date(now) - timedelta(days=365))),
        actor="seed",
        now=opened_at,
        note="第二年：週年慶與新茶季加倍點數",
    )
    for kind in KINDS:
        coupons.create_kind(session, draft=kind, now=opened_at)
    for mission in MISSIONS:
        since = max(taipei_date(opened_at), taipei_date(now) - MISSIONS_SINCE)
        window = replace(mission.window, starts_on=since)
        missions.create(session, draft=replace(mission, window=window), now=opened_at)
    since = max(taipei_date(opened_at), taipei_date(now) - STAMPS_SINCE)
    stamps.create(session, draft=stamp_card(since), now=opened_at)
    for code in SEGMENTS:
        name, tree = segment_rules.READY[code]
        segments.create(session, name=name, tree=tree, now=opened_at)
    for reward in REWARDS:
        rewards.create_reward(session, draft=reward, now=opened_at)
    store_ids = {
        store.code: staff.create_store(
            session,
            code=store.code,
            name=store.name,
            city=store.city,
            address=store.address,
            phone=store.phone,
            hours=store.hours,
        )
        for store in STORES
    }
    staff_ids = {
        person.login: staff.create(
            session,
            login=person.login,
            name=person.name,
            password=PASSWORD,
            role=person.role,
            now=opened_at,
            store_id=None if person.store is None else store_ids[person.store],
        )
        for person in STAFF
    }
    return Shop(
        stores=tuple(
            OpenStore(store_ids[store.code], store.code, _clerks(store.code, STAFF, staff_ids))
            for store in STORES
        ),
        owner_id=staff_ids["owner"],
    )


def _clerks(
    code: str, everybody: Sequence[StaffDraft], staff_ids: dict[str, int]
) -> tuple[int, ...]:
    return tuple(staff_ids[person.login] for person in everybody if person.store == code)
