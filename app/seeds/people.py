"""Who comes to the shop: a seeded draw, the same for the same seed, number and moment."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random
from typing import Final, Literal, TypeVar

from app.core import text
from app.core.clock import taipei_date, taipei_midnight

Word = TypeVar("Word", bound=str)
Habit = Literal["regular", "occasional", "gift", "once", "dormant", "lapsing", "never"]

HISTORY = timedelta(days=730)


def _words(text: str) -> list[str]:
    return text.split()


GUESTS_PER_MEMBER: Final = 0.14  # added the account, never joined
_HABITS: Final[tuple[tuple[Habit, int], ...]] = (
    ("regular", 19),
    ("occasional", 18),
    ("gift", 14),
    ("once", 22),
    ("dormant", 11),
    ("lapsing", 10),
    ("never", 6),
)
_BUDGET: Final[dict[Habit, float]] = {  # NT$ of a usual visit
    "regular": 780,
    "occasional": 720,
    "gift": 2_300,
    "once": 620,
    "dormant": 680,
    "lapsing": 760,
    "never": 0,
}
_SURNAMES: Final = (
    "陳林黃張李王吳劉蔡楊許鄭謝洪郭邱曾廖"  # those of most people
    "賴徐周葉蘇莊呂江何蕭羅高潘簡朱鍾游彭詹胡施沈余盧梁趙顏柯翁魏孫戴"
)
_COMMON: Final = 18
_GIVEN: Final = {
    "female": _words(
        "怡君 雅婷 欣怡 淑芬 美玲 佳穎 詩涵 宜蓁 郁婷 筱涵 惠雯 靜宜 雅雯 佩珊 曉薇 思妤 品妤 語彤 "
        "芷晴 心怡 麗華 秀英 玉珍 佳蓉 依潔 庭萱 子晴 雨柔 乃文 采潔 美惠 淑惠 慧玲 婉婷 芳瑜 嘉玲"
    ),
    "male": _words(
        "志明 家豪 俊傑 建宏 冠宇 承翰 宗翰 柏翰 彥廷 宇軒 志宏 文雄 明德 國華 俊宏 哲瑋 育誠 "
        "信宏 士傑 威廷 子軒 品睿 仁傑 政勳 博文 凱文 偉倫 正雄 榮華 嘉祥 振豪 書豪 昱翔 智凱"
    ),
}
_LATIN: Final = _words(
    "Amy Vivian Kevin Jason Mia Peggy Tina Eric Leo Joyce Winnie Allen Grace Ivy Jerry Nina Oscar "
    "Ruby Sam Zoe"
)
_MARKS: Final = "🌿🍵🌸☕✨🐱🌙🍊"
_PLACES: Final = (
    ("臺北市", _words("大安區 信義區 中山區 士林區 文山區 內湖區 松山區"), 0),
    ("新北市", _words("板橋區 中和區 永和區 新店區 三重區 淡水區"), 0),
    ("桃園市", _words("桃園區 中壢區 蘆竹區"), 0),
    ("新竹市", _words("東區 北區"), 0),
    ("臺中市", _words("西區 北區 南屯區 北屯區 西屯區 豐原區"), 1),
    ("彰化縣", _words("彰化市 員林市"), 1),
    ("臺南市", _words("東區 中西區 安平區 永康區"), 2),
    ("高雄市", _words("三民區 左營區 苓雅區 鼓山區 鳳山區 前鎮區"), 2),
    ("屏東縣", _words("屏東市 潮州鎮"), 2),
)
_WEIGHTS: Final = (24, 20, 8, 4, 18, 5, 8, 12, 3)
_SOURCES: Final = (("liff", 46), ("store", 30), ("chat", 10), ("web", 8), ("event", 6))


@dataclass(frozen=True, slots=True)
class Guardian:
    name: str
    phone: str


@dataclass(frozen=True, slots=True)
class Newcomer:
    """Somebody the shop gets to know. Without `line_user_id` only the store knows them; without
    `joined_at` they added the account and left it at that."""

    met_at: datetime
    habit: Habit
    budget: int  # NT$ of a usual visit
    home: int  # index of the nearest store
    line_user_id: str | None = None
    display_name: str | None = None
    joined_at: datetime | None = None
    channel: str = "liff"  # liff | chat | store
    source: str = "liff"
    number: str | None = None
    name: str | None = None
    phone: str | None = None
    birthday: date | None = None
    gender: str | None = None
    email: str | None = None
    city: str | None = None
    district: str | None = None
    guardian: Guardian | None = None
    marketing_ok: bool = False
    sharing_ok: bool = False
    blocked_at: datetime | None = None
    back_at: datetime | None = None
    cycle: float = 0.0  # days between visits, 0: as the habit says
    last_visit_at: datetime | None = None  # no visits after it
    role: str = ""  # of the few who are shown by name


# LINE user ids of the seeded people begin so: they are not listed on the simulator's chat page.
SEEDED, CAST = "U5eed", "Uca57"
STRANGER_ID: Final = f"{CAST}{1:028x}"


@dataclass(frozen=True, slots=True)
class Role:
    """One of the few people to try the product with."""

    line_user_id: str
    display_name: str
    words: str  # who that is, in a few words


ROLES: Final = (
    Role(STRANGER_ID, "小芸", "新朋友：還沒加入官方帳號"),
    Role(f"{CAST}{2:028x}", "佳蓉", "剛加入的會員：前天入會，昨天第一次消費"),
    Role(f"{CAST}{3:028x}", "Vivian 雅雯", "金卡熟客：常來，有點數與優惠券"),
    Role(f"{CAST}{4:028x}", "阿宏", "沉睡顧客：七個月沒來了"),
    Role(f"{CAST}{5:028x}", "Mei", "封鎖過的人：上個月封鎖了帳號"),
)

TESTER: Final = ROLES[3]  # works here, and so may be sent a letter on trial


def draw(*, members: int, seed: int, now: datetime) -> list[Newcomer]:
    """Oldest acquaintance first; the cast is among them."""
    rng = Random(seed)  # noqa: S311  # repeatable on purpose
    phones = rng.sample(range(1_000, 1_000_000), members + 50)
    cast = _cast(now)
    drawn = [_member(rng, index, phones, now) for index in range(max(0, members - len(cast)))]
    guests = [_guest(rng, index, now) for index in range(round(members * GUESTS_PER_MEMBER))]
    return sorted([*cast, *drawn, *guests], key=lambda person: (person.met_at, person.phone or ""))


def member_number(serial: int) -> str:
    """Scattered like real ones: a multiplication that hits each number once."""
    return text.make_member_number(f"{1 + serial % 9}{serial * 61_803_399 % 100_000_000:08d}")


def _member(rng: Random, index: int, phones: Sequence[int], now: datetime) -> Newcomer:
    habit = _weighted(rng, _HABITS)
    gender = "female" if rng.random() < 0.68 else "male"
    surname, given = _surname(rng), rng.choice(_GIVEN[gender])
    place = rng.choices(_PLACES, _WEIGHTS)[0]
    source = _weighted(rng, _SOURCES)
    joined_at = _joined_at(rng, now, in_store=source == "store")
    has_line = source != "store" or rng.random() < 0.55
    birthday = _birthday(rng, taipei_date(joined_at))
    is_minor = (taipei_date(joined_at) - birthday).days < 18 * 365.25
    phone = f"+886900{phones[index]:06d}"
    blocked_at, back_at = _block(rng, joined_at, now) if has_line else (None, None)
    is_marketable = rng.random() < 0.72
    return Newcomer(
        met_at=joined_at - timedelta(minutes=rng.randint(2, 9)) if has_line else joined_at,
        habit=habit,
        budget=_budget(rng, habit),
        home=place[2],
        line_user_id=_line_id(rng) if has_line else None,
        display_name=_nickname(rng, surname, given) if has_line else None,
        joined_at=joined_at,
        channel={"store": "store", "chat": "chat"}.get(source, "liff"),
        source=source,
        number=member_number(index + 100),
        name=surname + given,
        phone=phone,
        birthday=birthday,
        gender=gender if rng.random() < 0.6 else None,
        email=f"demo{index:05d}@example.com" if rng.random() < 0.35 else None,
        city=place[0] if rng.random() < 0.55 else None,
        district=rng.choice(place[1]) if rng.random() < 0.4 else None,
        guardian=_guardian(rng, surname, phones[-1 - index % 40]) if is_minor else None,
        marketing_ok=is_marketable,
        sharing_ok=is_marketable and rng.random() < 0.3,
        blocked_at=blocked_at,
        back_at=back_at,
    )


def _guest(rng: Random, index: int, now: datetime) -> Newcomer:
    met_at = _joined_at(rng, now, in_store=False)
    gender = "female" if rng.random() < 0.6 else "male"
    blocked_at, back_at = _block(rng, met_at, now, share=0.3)
    return Newcomer(
        met_at=met_at,
        habit="never",
        budget=0,
        home=index % 3,
        line_user_id=_line_id(rng),
        display_name=_nickname(rng, _surname(rng), rng.choice(_GIVEN[gender])),
        blocked_at=blocked_at,
        back_at=back_at,
    )


def _weighted(rng: Random, table: Sequence[tuple[Word, int]]) -> Word:
    return rng.choices([word for word, _ in table], [weight for _, weight in table])[0]


def _budget(rng: Random, habit: Habit) -> int:
    usual = _BUDGET[habit] * rng.lognormvariate(0, 0.5)
    buys_for_many = habit == "regular" and rng.random() < 0.025
    return round(usual * 4 if buys_for_many else usual)


def _surname(rng: Random) -> str:
    pool = _SURNAMES[:_COMMON] if rng.random() < 0.72 else _SURNAMES[_COMMON:]
    return rng.choice(pool)


def _nickname(rng: Random, surname: str, given: str) -> str:
    return rng.choice(
        (
            given,
            given,
            surname + given,
            "小" + given[-1],
            "阿" + given[-1],
            rng.choice(_LATIN),
            f"{rng.choice(_LATIN)} {given}",
            given + rng.choice(_MARKS),
        )
    )


def _line_id(rng: Random) -> str:
    return f"{SEEDED}{rng.getrandbits(112):028x}"


def _joined_at(rng: Random, now: datetime, *, in_store: bool) -> datetime:
    """Many at the opening, then more and more; in the store's hours, or any hour awake."""
    is_first = rng.random() < 0.08
    days = HISTORY.days - rng.randrange(21) - 1
    if not is_first:
        days = int(HISTORY.days * (1 - rng.random() ** 0.8))
    day = taipei_date(now) - timedelta(days=days)
    first, last = (11 * 60, 21 * 60) if in_store else (8 * 60, 23 * 60 + 30)
    at = taipei_midnight(day) + timedelta(
        minutes=rng.randint(first, last), seconds=rng.randint(0, 59)
    )
    return at if at < now - timedelta(minutes=30) else at - timedelta(days=1)


def _birthday(rng: Random, joined: date) -> date:
    if rng.random() < 0.004:
        return date(rng.choice((1972, 1980, 1984, 1988, 1992, 1996, 2000)), 2, 29)
    if rng.random() < 0.012:
        years = rng.uniform(14, 17.9)
    else:
        years = min(82.0, max(18.1, rng.gauss(39, 12)))
    return joined - timedelta(days=round(years * 365.25))


def _guardian(rng: Random, surname: str, phone: int) -> Guardian:
    return Guardian(surname + rng.choice(_GIVEN["female"]), f"+886900{phone:06d}")


def _block(
    rng: Random, since: datetime, now: datetime, *, share: float = 0.13
) -> tuple[datetime | None, datetime | None]:
    """When they blocked the account, and when they came back, if ever."""
    if rng.random() >= share:
        return None, None
    blocked_at = since + (now - since) * rng.uniform(0.15, 0.95)
    if blocked_at - since < timedelta(hours=2):
        return None, None
    back_at = blocked_at + timedelta(days=rng.uniform(5, 120)) if rng.random() < 0.2 else None
    return blocked_at, back_at if back_at is not None and back_at < now else None


def _cast(now: datetime) -> list[Newcomer]:
    def ago(days: float, hour: int = 14) -> datetime:
        day = taipei_date(now) - timedelta(days=int(days))
        return taipei_midnight(day) + timedelta(hours=hour, minutes=7)

    def person(role: int, habit: Habit, joined_at: datetime, name: str, **more: object) -> Newcomer:
        values = {
            "met_at": joined_at - timedelta(minutes=5),
            "habit": habit,
            "line_user_id": ROLES[role].line_user_id,
            "display_name": ROLES[role].display_name,
            "joined_at": joined_at,
            "number": member_number(role + 1),
            "name": name,
            "phone": f"+88690000000{role}",
            "gender": "female",
            "city": "臺北市",
            "home": 0,
            "marketing_ok": True,
            "role": ROLES[role].words.partition("：")[0],
        }
        return Newcomer(**(values | more))  # type: ignore[arg-type]  # named fields of a Newcomer

    return [
        person(1, "once", ago(2), "林佳蓉", budget=900, birthday=date(1996, 9, 12)),
        person(
            2, "regular", ago(640), "陳雅雯", budget=1_250, cycle=17.0, birthday=date(1988, 2, 29)
        ),
        person(
            3,
            "dormant",
            ago(520),
            "張志宏",
            budget=1_100,
            cycle=28.0,
            last_visit_at=ago(212),
            gender="male",
            birthday=date(1979, 11, 3),
        ),
        person(
            4,
            "lapsing",
            ago(300),
            "黃美玲",
            budget=800,
            cycle=30.0,
            last_visit_at=ago(45),
            blocked_at=ago(38, 22),
            birthday=date(1992, 5, 20),
        ),
    ]
