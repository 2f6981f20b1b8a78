"""One plain sample and one extreme sample of every template: for goldens, limits, pictures."""

from dataclasses import replace
from datetime import UTC, date, datetime

from flex_templates import (
    benefits,
    campaigns,
    card,
    coupons,
    draws,
    explain,
    gifts,
    greeting,
    help,
    joining,
    lifecycle,
    member_code,
    membership,
    missions,
    points,
    purchases,
    referrals,
    rewards,
    stamps,
    stores,
    tiers,
)
from flex_templates.parts import Link, Message, PickDate, Press, Say, Why
from flex_templates.theme import Theme

NOON = datetime(2026, 7, 4, 4, 0, tzinfo=UTC)
CARD = Press("card", "會員卡")
POINTS = Press("points", "我的點數")
COUPONS = Press("coupons", "優惠券")
CODE = Press("code", "出示會員碼")
BENEFITS = Press("tiers", "等級權益")
JOIN = Link("https://liff.line.me/1234567890-abcdefgh/join")
STOP = Press("marketing:stop", "停止行銷訊息")
PAGE = Link("https://liff.line.me/1234567890-abcdefgh/wallet")
WHY = Why("您是我們的會員，並同意接收優惠訊息。", STOP)
BARCODE = "https://img.example/barcode/2601234564.png"
QR = "https://img.example/qr/token.png"

LONG = "超級無敵長的名字👨‍👩‍👧‍👦" * 12
BLANK = ""
HUGE = 9_999_999

DRAW = draws.DrawView(
    "夏日茶宴抽獎",
    "剩 6 天",
    datetime(2026, 7, 11, 4, 0, tzinfo=UTC),
    (draws.PrizeLine("手拉坯茶具組", 1, 2480), draws.PrizeLine("雙層玻璃杯", 10, 690)),
    50,
    "2 次",
    "再參加一次",
    Press("draw.ask:1", "參加抽獎"),
    Link("https://card.example.com/draws/summer?openExternalBrowser=1"),
)
ASK = draws.AskView(
    "夏日茶宴抽獎",
    50,
    1280,
    "確定參加",
    ("活動期間：2026/07/04 12:00 – 2026/07/11 12:00", "參加資格：會員，每人最多 10 次"),
    Press("draw.enter:1:0", "確定參加"),
    Press("draws", "抽獎"),
)
ENTERED = draws.EnteredView(
    "夏日茶宴抽獎",
    "K7MPQ2RS",
    datetime(2026, 7, 11, 4, 0, tzinfo=UTC),
    "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    Press("draw.ask:1", "參加抽獎"),
)
SPUN = draws.SpunView(
    "幸運輪盤",
    "100 點",
    "獎項已直接放進您的帳戶。",
    Press("draw.ask:2", "參加抽獎"),
    Press("draws", "抽獎"),
)
WON = draws.WonView(
    "夏日茶宴抽獎",
    "手拉坯茶具組",
    "K7MPQ2RS",
    date(2026, 8, 10),
    "獎項價值超過 NT$1,000，領獎時須提供身分證明文件，以申報年度所得。",
    None,
    Press("draws", "抽獎"),
)
INVITE = referrals.InviteView(
    "K7MPQ2RSTU",
    "邀請碼 K7MPQ2RSTU",
    "100 點",
    "50 點",
    (
        "好友須為首次加入的新會員，並於 30 天內完成入會",
        "好友入會後 90 天內單筆滿 NT$300，期滿 30 天未退貨即發放獎勵",
        "每人每月最多獎勵 10 位",
        "雙方須年滿 18 歲；自我推薦、重複帳號不適用",
    ),
    3,
    2,
    Link("https://liff.line.me/1234567890-abcdefgh/invite"),
)
INVITATION = referrals.InvitationView(
    "林○花",
    "50 點",
    300,
    date(2026, 8, 4),
    Link("https://liff.line.me/1234567890-abcdefgh/join?invite=Gk3vZ0"),
)
REWARDED = referrals.RewardedView("王○明", 100, "", POINTS, COUPONS, Press("invite", "邀請好友"))

AMOUNT = coupons.CouponView(
    "入會迎新禮",
    "amount_off",
    100,
    "K7WM4QXR2HTP",
    date(2026, 7, 18),
    min_spend=500,
    days_left=14,
    terms="每筆消費限用一張，不可與其他優惠併用。",
    use=Press("coupon.use:1"),
    by_clerk=Press("coupon.clerk:1"),
)
PERCENT = coupons.CouponView(
    "生日當月 85 折券",
    "percent_off",
    15,
    "B9XT3MHWQ2RC",
    date(2026, 7, 6),
    cap=300,
    starts_on=date(2026, 7, 1),
    days_left=2,
    use=Press("coupon.use:2"),
    by_clerk=Press("coupon.clerk:2"),
)
GIFT = coupons.CouponView(
    "金卡升等禮：手工磅蛋糕一份",
    "gift",
    0,
    "GX4RT8NPKW3M",
    date(2026, 12, 31),
    use=Press("coupon.use:3"),
    by_clerk=Press("coupon.clerk:3"),
)
VOUCHER = coupons.CouponView(
    "提貨券", "fixed_price", 99, "VH2KQ7WXR9TC", None, use=Press("coupon.use:4")
)
FREIGHT = coupons.CouponView("免運券", "free_shipping", 0, "FR2KQ7WXR9TC", date(2026, 9, 30))
BUNDLE = coupons.CouponView(
    "咖啡買二送一", "buy_x_get_y", 1, "BY2KQ7WXR9TC", date(2026, 9, 30), buys=2
)
ODD = coupons.CouponView(
    LONG,
    "percent_off",
    5,
    LONG,
    date(2026, 7, 4),
    min_spend=HUGE,
    cap=HUGE,
    days_left=0,
    terms=LONG,
    use=Press("u" * 300),
    by_clerk=Press("c" * 300),
)

TOTE = rewards.RewardView(
    "棉麻帆布袋",
    300,
    "gold",
    "袋",
    left=8,
    description="米白厚磅帆布，可放 A4。",
    exchange=Press("reward.ask:1", "兌換 棉麻帆布袋"),
)
CUP = rewards.RewardView(
    "柴燒茶杯", 500, "black", "杯", price=199, exchange=Press("reward.ask:2", "兌換 柴燒茶杯")
)
TEA = rewards.RewardView(
    "高山烏龍茶 75g", 1_200, "plain", "茶", hindrance="您目前可用 434 點，還差 766 點。"
)
SEASON = benefits.ChoiceView(
    "金卡季禮",
    "本季",
    date(2026, 9, 30),
    (
        benefits.OptionView("免運券", "宅配免運", Press("benefit.ask:season:ship")),
        benefits.OptionView("9 折券", "9 折券", Press("benefit.ask:season:tenth")),
        benefits.OptionView("200 點", "200 點", Press("benefit.ask:season:points")),
    ),
)
TASTING = benefits.ChoiceView(
    "品茗席次", "今年", date(2026, 12, 31), (benefits.OptionView("品茗券", "品茗券"),), "品茗券"
)
ODD_CHOICE = benefits.ChoiceView(
    LONG,
    LONG,
    None,
    (
        benefits.OptionView(LONG, LONG, Press("b" * 300, LONG)),
        benefits.OptionView(BLANK, BLANK),
    )
    * 6,
)
ODD_REWARD = rewards.RewardView(
    LONG, HUGE, "no such colour", LONG, HUGE, HUGE, LONG, LONG, Press("r" * 300, LONG)
)

SILVER_CARD = card.CardView(
    "林小花",
    "2601234564",
    BARCODE,
    "銀卡",
    "silver",
    date(2027, 3, 9),
    1280,
    3,
    CODE,
    POINTS,
    COUPONS,
    BENEFITS,
    pending=7,
    expiring=120,
    expires_on=date(2026, 8, 31),
    next_tier="金卡",
    way="再消費 NT$1,240",
    next_until=date(2026, 12, 31),
    progress=72,
)
NEW_CARD = card.CardView(
    "陳大文",
    "2601234572",
    BARCODE,
    "普卡",
    "plain",
    None,
    0,
    0,
    CODE,
    POINTS,
    COUPONS,
    BENEFITS,
    next_tier="銀卡",
    way="再消費 NT$5,000",
    next_until=date(2027, 7, 3),
    progress=0,
)
GOLD_CARD = card.CardView(
    "Hana",
    "2601234580",
    BARCODE,
    "金卡",
    "gold",
    date(2027, 3, 9),
    128,
    12,
    CODE,
    POINTS,
    COUPONS,
    BENEFITS,
    next_tier="白金卡",
    way="再消費 NT$40,001",
    next_until=date(2027, 3, 9),
    progress=33,
)
TOP_CARD = card.CardView(
    "王美玲",
    "2601234598",
    BARCODE,
    "白金卡",
    "platinum",
    date(2026, 12, 31),
    HUGE,
    99,
    CODE,
    POINTS,
    COUPONS,
    way_to_keep="再消費 NT$12,000",
    progress=80,
)
LASTING_CARD = card.CardView(
    "阿青🌿", "2601234606", BARCODE, "黑卡", "black", None, 5200, 1, CODE, POINTS, COUPONS
)
LONG_CARD = card.CardView(
    LONG,
    "9" * 40,
    BARCODE,
    LONG,
    "no such colour",
    date(2100, 12, 31),
    HUGE,
    HUGE,
    CODE,
    PAGE,
    Say("優惠券"),
    BENEFITS,
    pending=HUGE,
    expiring=HUGE,
    expires_on=date(2100, 12, 31),
    next_tier=LONG,
    way=LONG,
    next_until=date(2100, 12, 31),
    progress=400,
)
BLANK_CARD = card.CardView(
    BLANK, BLANK, BARCODE, BLANK, BLANK, None, -12, 0, CODE, POINTS, COUPONS, progress=-5
)

RUNGS = (
    tiers.Rung("普卡", "plain", "加入即享", ("消費 NT$100 累積 1 點", "生日當月點數 2 倍")),
    tiers.Rung(
        "銀卡",
        "silver",
        "12 個月消費滿 NT$5,000",
        ("點數 1.2 倍", "升等禮 NT$100 優惠券", "生日當月點數 2 倍"),
        True,
    ),
    tiers.Rung(
        "金卡",
        "gold",
        "12 個月消費滿 NT$20,000",
        ("點數 1.5 倍", "升等禮 NT$300 優惠券", "全年免運費"),
    ),
    tiers.Rung(
        "白金卡",
        "platinum",
        "12 個月消費滿 NT$60,000，或消費 40 次",
        ("點數 2 倍", "專屬客服", "年度封館活動邀請"),
    ),
)
NOTICE = joining.NoticeView(
    collector="青禾選物有限公司",
    purpose="會員管理、消費者服務、行銷（須另經您同意）",
    kinds="姓名、手機號碼、生日、LINE 使用者識別碼、消費紀錄",
    use="會員關係存續期間及終止後依法保存之期間；於臺灣地區；由本公司及受託之資訊服務商以自動化方式利用。",
    rights="您可以隨時查詢、閱覽、複製、更正、停止利用或刪除您的資料，請於會員中心操作或聯絡客服。",
    effect="您可以自由選擇是否提供；若不提供必要資料，我們將無法為您建立會員資格。",
    version="2026-07",
    consents=(
        joining.Consent("我已閱讀並同意會員條款", True, Press("c:terms"), is_required=True),
        joining.Consent("我同意接收優惠與活動訊息", False, Press("c:marketing")),
    ),
    proceed=Press("join:proceed"),
    cancel=Press("join:cancel"),
    terms=PAGE,
)
LONG_NOTICE = joining.NoticeView(
    LONG,
    LONG,
    LONG,
    LONG,
    LONG,
    LONG,
    LONG,
    tuple(joining.Consent(LONG, False, Press("t"), is_required=True) for _ in range(9)),
    Press("p"),
    Press("c"),
    PAGE,
)
DAY = PickDate("join:birthday", date(1900, 1, 1), date(2026, 7, 4), date(1990, 1, 1))

RECEIPT = purchases.ReceiptView(
    790,
    7,
    128,
    "台北信義店",
    NOON,
    CARD,
    usable_from=date(2026, 7, 11),
    pending=7,
    reasons=(purchases.Reason("基本點數", 7),),
    coupons=(purchases.CouponTaken("入會迎新禮", 100),),
    invoice_number="AB-12345678",
    tier="銀卡",
    next_tier="金卡",
    way="再消費 NT$1,240",
    next_until=date(2026, 12, 31),
    progress=72,
    history=Press("history", "消費紀錄"),
)
RICH_RECEIPT = purchases.ReceiptView(
    12_500,
    375,
    1_655,
    "高雄左營店",
    NOON,
    CARD,
    reasons=(
        purchases.Reason("基本點數", 125),
        purchases.Reason("金卡 1.5 倍", 62),
        purchases.Reason("生日月 2 倍", 125),
        purchases.Reason("夏日活動", 63),
    ),
    coupons=(
        purchases.CouponTaken("夏日滿千折百", 100),
        purchases.CouponTaken("金卡 9 折", 1_250),
        purchases.CouponTaken("濾掛咖啡一盒"),
    ),
    notes=("任務「七月常客」2/3", "集點卡 +1，再 3 點換好禮"),
    points_used=200,
    points_worth=200,
)
LONG_RECEIPT = purchases.ReceiptView(
    HUGE,
    HUGE,
    -HUGE,
    LONG,
    NOON,
    CARD,
    usable_from=date(2100, 1, 1),
    pending=HUGE,
    reasons=tuple(purchases.Reason(LONG, -HUGE) for _ in range(30)),
    coupons=tuple(purchases.CouponTaken(LONG, HUGE) for _ in range(9)),
    invoice_number=LONG,
    tier=LONG,
    next_tier=LONG,
    way=LONG,
    next_until=date(2100, 1, 1),
    points_used=HUGE,
    points_worth=HUGE,
    progress=900,
    history=CARD,
    notes=(LONG,) * 9,
)
ENTRIES = (
    points.PointsEntry(date(2026, 7, 4), "消費 NT$790", 7, "台北信義店 · 待生效"),
    points.PointsEntry(date(2026, 6, 20), "生日月加倍", 62, "效期至 2027/12/31"),
    points.PointsEntry(date(2026, 6, 20), "消費 NT$6,240", 62, "台北信義店"),
    points.PointsEntry(date(2026, 6, 2), "折抵消費", -100, "台中公益店"),
    points.PointsEntry(date(2026, 5, 31), "點數到期", -18),
)
HISTORY = purchases.HistoryView(
    (
        purchases.PurchaseLine(NOON, "台北信義店", 790, 7, is_pending=True),
        purchases.PurchaseLine(datetime(2026, 6, 20, 10, 12, tzinfo=UTC), "台北信義店", 6240, 124),
        purchases.PurchaseLine(
            datetime(2026, 5, 2, 8, 40, tzinfo=UTC), "台中公益店", 1180, 0, refunded=1180
        ),
    ),
    CARD,
    total=14,
    year_total=18_760,
    more=PAGE,
)
STORES = (
    stores.StoreView(
        "台北信義店",
        "臺北市信義區松高路 11 號 2 樓",
        "週日至週四 11:00–21:30\n週五、週六 11:00–22:00",
        "02-2722-1234",
        "約 350 公尺",
    ),
    stores.StoreView("台中公益店", "臺中市西區公益路 68 號", "每日 10:30–21:00", "04-2320-5678"),
    stores.StoreView("高雄左營店", "高雄市左營區博愛二路 777 號", "每日 11:00–21:30", ""),
)
WORDS = tuple(
    help.HelpWord(word, meaning, Say(word))
    for word, meaning in (
        ("會員卡", "出示會員卡、點數與等級"),
        ("我的點數", "查詢點數與到期日"),
        ("優惠券", "查看與使用優惠券"),
        ("等級權益", "各等級的門檻與好禮"),
        ("消費紀錄", "最近的消費與點數"),
        ("門市", "地址、營業時間與電話"),
    )
)


def plain(theme: Theme) -> dict[str, Message]:
    """Every template with the data of an ordinary day."""
    return {
        "greeting": greeting.message(greeting.GreetingView(JOIN, "Mei"), theme),
        "greeting_returning_guest": greeting.returning_message(greeting.ReturningView(JOIN), theme),
        "greeting_returning_member": greeting.returning_message(
            greeting.ReturningView(CARD, "林小花", is_member=True, points=1280), theme
        ),
        "greeting_not_joined": greeting.not_joined_message(
            greeting.NotJoinedView(JOIN, Why("您加入了我們的 LINE 好友。", STOP)), theme
        ),
        "joining_notice": joining.notice_message(NOTICE, theme),
        "joining_phone": joining.phone_message(
            joining.PhoneView(Press("join:cancel"), type_phone=Press("join:type", types=True)),
            theme,
        ),
        "joining_code": joining.code_message(
            joining.CodeView(
                "0912-***-678",
                Press("join:resend"),
                Press("join:phone"),
                problem="驗證碼不正確，還可以再試 3 次。",
            ),
            theme,
        ),
        "joining_name": joining.name_message(joining.NameView("Ken", Press("join:name")), theme),
        "joining_birthday": joining.birthday_message(joining.BirthdayView(DAY), theme),
        "joining_guardian": joining.guardian_message(
            joining.GuardianView(Press("join:cancel")), theme
        ),
        "joining_done": joining.done_message(
            joining.DoneView(
                "陳大文", "2601234572", "普卡", CARD, COUPONS, gifts=("入會迎新禮 NT$100",)
            ),
            theme,
        ),
        "joining_done_linked": joining.done_message(
            joining.DoneView("林小花", "2601234564", "銀卡", CARD, COUPONS, 1280, was_linked=True),
            theme,
        ),
        "card_silver": card.message(SILVER_CARD, theme),
        "card_new": card.message(NEW_CARD, theme),
        "card_gold": card.message(GOLD_CARD, theme),
        "card_top": card.message(TOP_CARD, theme),
        "card_lasting": card.message(LASTING_CARD, theme),
        "card_guest": card.guest_message(card.GuestCardView(JOIN), theme),
        "member_code": member_code.message(
            member_code.MemberCodeView(QR, "林小花", "2601234564", NOON, CODE, live=PAGE), theme
        ),
        "points": points.message(
            points.PointsView(
                1280, CARD, 7, date(2026, 7, 11), 120, date(2026, 8, 31), 128, ENTRIES, PAGE
            ),
            theme,
        ),
        "stamps": stamps.message(
            stamps.StampsView(
                (
                    stamps.StampCardView(
                        "茶香集點卡",
                        10,
                        6,
                        (
                            stamps.Prize(5, "30 點", True),
                            stamps.Prize(10, "當季茶品一杯", False),
                        ),
                        "單筆滿 NT$100 得 1 格，每天最多 1 格",
                        2,
                        "每次來店蓋一格，集滿送一杯。",
                        date(2026, 12, 31),
                    ),
                    stamps.StampCardView(
                        "新品集點卡",
                        3,
                        3,
                        (stamps.Prize(3, "50 點", True),),
                        "每次消費得 1 格",
                        repeats=False,
                    ),
                ),
                CARD,
                PAGE,
            ),
            theme,
        ),
        "missions": missions.message(
            missions.MissionsView(
                (
                    missions.MissionView(
                        "每月常客",
                        (missions.Step("來店 3 次", "2/3", 66),),
                        "50 點",
                        date(2026, 7, 31),
                        "這個月來店三次，送 50 點。",
                    ),
                    missions.MissionView(
                        "連續三個月",
                        (missions.Step("來店 1 次", "1/1", 100),),
                        "優惠券 1 張",
                        date(2026, 7, 31),
                        run=3,
                        streak=3,
                        is_done=True,
                    ),
                    missions.MissionView(
                        "認識我們",
                        (
                            missions.Step("填寫生日、電子信箱", "1/2", 50),
                            missions.Step("消費滿 NT$1,000", "NT$790/NT$1,000", 79),
                        ),
                        "100 點",
                        date(2026, 12, 31),
                        is_sold_out=True,
                    ),
                ),
                CARD,
                PAGE,
            ),
            theme,
        ),
        "explain": explain.message(
            explain.ExplainView(
                (
                    explain.Explained(
                        "可用點數",
                        "128 點",
                        "每一筆獲得的點數還剩多少，加起來就是可用點數。最快到期的先使用。",
                        (
                            explain.Cause("消費 NT$12,500", "+121 點", date(2026, 6, 20)),
                            explain.Cause("消費 NT$790", "+7 點", date(2026, 7, 4)),
                        ),
                    ),
                    explain.Explained(
                        "目前等級",
                        "金卡",
                        "2026/06/20 消費後，2025/06/21–2026/06/20 的消費累積 NT$20,300，"
                        "達到金卡門檻 NT$20,000。",
                        tuple(
                            explain.Cause("台北信義店", "NT$2,030", date(2026, 6, number))
                            for number in range(1, 11)
                        ),
                        "效期到 2027/06/19，等級效期為 12 個月（會員制度第 1 版）",
                    ),
                ),
                CARD,
                PAGE,
            ),
            theme,
        ),
        "points_owed": points.message(points.PointsView(-12, CARD), theme),
        "points_expiring": points.expiring_message(
            points.PointsExpiringView(120, date(2026, 8, 31), 7, 1280, POINTS, WHY, 12), theme
        ),
        "coupons": coupons.wallet_message(
            coupons.WalletView((PERCENT, AMOUNT, GIFT, VOUCHER, BUNDLE, FREIGHT), 18, CARD, PAGE),
            theme,
        ),
        "coupons_empty": coupons.wallet_message(coupons.WalletView((), 0, CARD), theme),
        "coupon_confirm": coupons.confirm_message(
            coupons.ConfirmView(AMOUNT, Press("coupon.redeem:1"), COUPONS, "台北信義店"), theme
        ),
        "coupon_redeemed": coupons.redeemed_message(
            coupons.RedeemedView(
                "入會迎新禮", "K7WM4QXR2HTP", "台北信義店", NOON, 100, 890, COUPONS
            ),
            theme,
        ),
        "coupon_expiring": coupons.expiring_message(
            coupons.CouponExpiringView(PERCENT, 2, COUPONS, WHY), theme
        ),
        "coupon_welcome_unused": coupons.expiring_message(
            coupons.CouponExpiringView(AMOUNT, 3, COUPONS, WHY, is_welcome=True), theme
        ),
        "tiers_ladder": tiers.ladder_message(
            tiers.LadderView(
                RUNGS, CARD, "金卡", "再消費 NT$1,240", date(2026, 12, 31), date(2027, 3, 9), PAGE
            ),
            theme,
        ),
        "gift_card": gifts.gift_message(
            gifts.GiftView("林○花", replace(PERCENT, code=""), date(2026, 7, 10), PAGE), theme
        ),
        "gift_received": gifts.received_message(
            gifts.ReceivedView("林○花", replace(PERCENT, code=""), COUPONS), theme
        ),
        "benefits": benefits.choices_message(
            benefits.BenefitsView("金卡", (SEASON, TASTING), CARD, BENEFITS), theme
        ),
        "benefits_none": benefits.choices_message(
            benefits.BenefitsView("普卡", (), CARD, BENEFITS), theme
        ),
        "benefit_confirm": benefits.confirm_message(
            benefits.AskView(
                "金卡季禮",
                "本季",
                "免運券",
                "宅配免運",
                ("9 折券", "200 點"),
                Press("benefit.take:season:ship"),
                Press("benefits", "任選權益"),
            ),
            theme,
        ),
        "benefit_claimed": benefits.claimed_message(
            benefits.ClaimedView(
                "金卡季禮", "本季", "9 折券", 0, PERCENT, 434, Press("why"), COUPONS
            ),
            theme,
        ),
        "benefit_claimed_points": benefits.claimed_message(
            benefits.ClaimedView(
                "金卡季禮", "本季", "200 點", 200, None, 634, Press("why"), COUPONS
            ),
            theme,
        ),
        "tier_upgraded": tiers.changed_message(
            tiers.TierChangedView(
                "upgraded",
                "林小花",
                "金卡",
                "gold",
                date(2027, 7, 3),
                RUNGS[2].benefits,
                CARD,
                GIFT,
                "銀卡",
                "白金卡",
                "再消費 NT$40,000",
                date(2027, 7, 3),
            ),
            theme,
        ),
        "tier_renewed": tiers.changed_message(
            tiers.TierChangedView(
                "renewed", "林小花", "金卡", "gold", date(2028, 7, 3), RUNGS[2].benefits, CARD
            ),
            theme,
        ),
        "tier_downgraded": tiers.changed_message(
            tiers.TierChangedView(
                "downgraded",
                "林小花",
                "銀卡",
                "silver",
                date(2027, 7, 3),
                RUNGS[1].benefits,
                CARD,
                None,
                "金卡",
                "金卡",
                "再消費 NT$8,200",
                date(2027, 7, 3),
            ),
            theme,
        ),
        "tier_expiring": tiers.expiring_message(
            tiers.TierExpiringView(
                "林小花",
                "金卡",
                "gold",
                date(2026, 8, 3),
                30,
                "再消費 NT$3,200",
                "銀卡",
                84,
                BENEFITS,
                WHY,
            ),
            theme,
        ),
        "tier_near_upgrade": tiers.near_upgrade_message(
            tiers.NearUpgradeView(
                "林小花",
                "金卡",
                "gold",
                "再消費 NT$1,240",
                93,
                RUNGS[2].benefits,
                BENEFITS,
                WHY,
                date(2026, 12, 31),
            ),
            theme,
        ),
        "purchase_receipt": purchases.receipt_message(RECEIPT, theme),
        "purchase_receipt_bonus": purchases.receipt_message(RICH_RECEIPT, theme),
        "purchase_refund": purchases.refund_message(
            purchases.RefundView(
                790,
                7,
                -3,
                "台北信義店",
                NOON,
                CARD,
                0,
                "入會迎新禮",
                ("退貨後未達金卡門檻，您的等級已調整為銀卡。",),
                120,
            ),
            theme,
        ),
        "purchase_exchange": purchases.exchange_message(
            purchases.ExchangeView(
                790,
                1_280,
                7,
                12,
                128,
                "台北信義店",
                NOON,
                CARD,
                120,
                12,
                (purchases.CouponTaken("入會迎新禮", 100),),
                notes=("任務「九月常客」2/3",),
                history=PAGE,
            ),
            theme,
        ),
        "purchase_history": purchases.history_message(HISTORY, theme),
        "purchase_history_empty": purchases.history_message(purchases.HistoryView((), CARD), theme),
        "rewards": rewards.catalogue_message(
            rewards.CatalogueView((TOTE, CUP, TEA), 434, CARD), theme
        ),
        "rewards_none": rewards.catalogue_message(rewards.CatalogueView((), 434, CARD), theme),
        "reward_confirm": rewards.confirm_message(
            rewards.AskView(
                CUP, 934, date(2026, 8, 3), Press("reward.take:2:K7WM4QXR2HTP"), COUPONS, 24
            ),
            theme,
        ),
        "reward_exchanged": rewards.exchanged_message(
            rewards.ExchangedView(
                "柴燒茶杯",
                500,
                434,
                "K7WM4QXR2HTP",
                date(2026, 8, 3),
                Press("coupon.use:9"),
                199,
                Press("reward.undo:3"),
                datetime(2026, 7, 5, 4, 0, tzinfo=UTC),
            ),
            theme,
        ),
        "stores": stores.message(stores.StoresView(STORES, 24, PAGE), theme),
        "stores_none": stores.message(stores.StoresView(()), theme),
        "help": help.message(help.HelpView(WORDS, Say("聯絡客服")), theme),
        "fallback": help.fallback_message(
            help.FallbackView(tuple((word.word, word.tap) for word in WORDS), has_staff=True)
        ),
        "welcome": lifecycle.welcome_message(
            lifecycle.WelcomeView("陳大文", COUPONS, WHY, AMOUNT), theme
        ),
        "no_purchase": lifecycle.no_purchase_message(
            lifecycle.NoPurchaseView("陳大文", 7, COUPONS, WHY, AMOUNT), theme
        ),
        "first_purchase": lifecycle.first_purchase_message(
            lifecycle.FirstPurchaseView("陳大文", "台北信義店", 7, CARD, WHY), theme
        ),
        "birthday": lifecycle.birthday_message(
            lifecycle.BirthdayView("林小花", 7, COUPONS, WHY, PERCENT, 2), theme
        ),
        "birthday_reminder": lifecycle.birthday_message(
            lifecycle.BirthdayView("林小花", 7, COUPONS, WHY, PERCENT, 1, 7), theme
        ),
        "dormancy": lifecycle.dormancy_message(
            lifecycle.DormancyView("林小花", 92, 2, 1280, COUPONS, WHY, AMOUNT, date(2027, 12, 31)),
            theme,
        ),
        "letter": campaigns.letter_message(
            campaigns.LetterView(
                "夏茶到了，第一壺留給您",
                "林小花您好：\n今年的夏茶已經到店，蜜香紅茶與東方美人都可以試喝。\n\n附上一張優惠券，歡迎來坐坐。",
                "看優惠券",
                COUPONS,
                WHY,
                AMOUNT,
            ),
            theme,
        ),
        "letter_plain": campaigns.letter_message(
            campaigns.LetterView("週末見", "這個週末店裡有試飲。", "看門市", PAGE, WHY), theme
        ),
        "invite": referrals.invite_message(INVITE, theme),
        "invitation": referrals.invitation_message(INVITATION, theme),
        "referral_rewarded": referrals.rewarded_message(REWARDED, theme),
        "draws": draws.list_message((DRAW, replace(DRAW, name="幸運輪盤", enter=None)), theme),
        "draws_none": draws.list_message((), theme),
        "draw_ask": draws.ask_message(ASK, theme),
        "draw_entered": draws.entered_message(ENTERED, theme),
        "draw_spun": draws.spun_message(SPUN, theme),
        "draw_spun_blank": draws.spun_message(replace(SPUN, prize=""), theme),
        "draw_won": draws.won_message(WON, theme),
        "marketing_stopped": membership.stopped_message(
            membership.StoppedView(Press("marketing:resume")), theme
        ),
        "marketing_resumed": membership.resumed_message(membership.ResumedView(STOP), theme),
        "membership_paused": membership.paused_message(
            membership.PausedView("同一手機號碼於其他 LINE 帳號重新綁定", Say("聯絡客服")), theme
        ),
        "membership_confirm_closing": membership.confirm_closing_message(
            membership.ConfirmClosingView(1280, 3, "銀卡", Press("close:yes"), CARD), theme
        ),
        "membership_closing": membership.closing_message(
            membership.ClosingView(date(2026, 7, 11), Press("close:undo")), theme
        ),
        "membership_closed": membership.closed_message(membership.ClosedView(JOIN), theme),
    }


def extreme(theme: Theme) -> dict[str, Message]:
    """Templates with everything too long, too large, too many, or missing."""
    why = Why(LONG, STOP)
    privileges = (LONG,) * 20
    rungs = tuple(tiers.Rung(LONG, "gold", LONG, privileges, True) for _ in range(20))
    entries = tuple(points.PointsEntry(date(2100, 1, 1), LONG, HUGE, LONG) for _ in range(50))
    store = stores.StoreView(LONG, LONG, LONG, "+886" + "9" * 80, LONG)
    blank_store = stores.StoreView(BLANK, BLANK, BLANK, BLANK)
    lines = tuple(purchases.PurchaseLine(NOON, LONG, HUGE, HUGE, HUGE, True) for _ in range(50))
    end = date(2100, 12, 31)
    return {
        "letter_long": campaigns.letter_message(
            campaigns.LetterView(
                LONG, f"{LONG}\n" * 12, LONG[:20], PAGE, WHY, replace(AMOUNT, name=LONG)
            ),
            theme,
        ),
        "card_long": card.message(LONG_CARD, theme),
        "card_blank": card.message(BLANK_CARD, theme),
        "guest_long": card.guest_message(card.GuestCardView(JOIN, privileges), theme),
        "greeting_long": greeting.message(greeting.GreetingView(JOIN, LONG, privileges), theme),
        "notice_long": joining.notice_message(LONG_NOTICE, theme),
        "name_blank": joining.name_message(joining.NameView(BLANK, CARD, LONG), theme),
        "name_long": joining.name_message(joining.NameView(LONG, CARD, LONG), theme),
        "done_long": joining.done_message(
            joining.DoneView(LONG, LONG, LONG, CARD, COUPONS, HUGE, privileges), theme
        ),
        "done_blank": joining.done_message(
            joining.DoneView(BLANK, BLANK, BLANK, CARD, COUPONS), theme
        ),
        "code_long": member_code.message(
            member_code.MemberCodeView(QR, LONG, LONG, NOON, CODE), theme
        ),
        "points_long": points.message(
            points.PointsView(HUGE, CARD, HUGE, end, HUGE, end, HUGE, entries, PAGE), theme
        ),
        "stamps_long": stamps.message(
            stamps.StampsView(
                (
                    stamps.StampCardView(
                        LONG,
                        30,
                        17,
                        tuple(stamps.Prize(at, LONG, at < 17) for at in (5, 10, 15, 20, 25, 30)),
                        LONG,
                        HUGE,
                        LONG,
                        date(2100, 1, 1),
                    ),
                )
                * 9,
                CARD,
                PAGE,
            ),
            theme,
        ),
        "missions_long": missions.message(
            missions.MissionsView(
                (
                    missions.MissionView(
                        LONG,
                        (missions.Step(LONG, LONG, 900),) * 9,
                        LONG,
                        date(2100, 1, 1),
                        LONG,
                        HUGE,
                        HUGE,
                    ),
                )
                * 20,
                CARD,
            ),
            theme,
        ),
        "explain_long": explain.message(
            explain.ExplainView(
                (explain.Explained(LONG, LONG, LONG, (explain.Cause(LONG, LONG),) * 40, LONG),) * 9,
                CARD,
            ),
            theme,
        ),
        "points_expiring_long": points.expiring_message(
            points.PointsExpiringView(HUGE, end, 0, HUGE, POINTS, why, HUGE), theme
        ),
        "coupons_many": coupons.wallet_message(
            coupons.WalletView((ODD,) * 40, HUGE, CARD, PAGE), theme
        ),
        "coupon_redeemed_blank": coupons.redeemed_message(
            coupons.RedeemedView(BLANK, BLANK, BLANK, NOON), theme
        ),
        "coupon_expiring_long": coupons.expiring_message(
            coupons.CouponExpiringView(ODD, 0, COUPONS, why), theme
        ),
        "ladder_long": tiers.ladder_message(
            tiers.LadderView(rungs, CARD, LONG, LONG, end, end, PAGE), theme
        ),
        "gift_card_long": gifts.gift_message(gifts.GiftView(LONG, ODD, end, PAGE), theme),
        "gift_received_blank": gifts.received_message(
            gifts.ReceivedView(BLANK, ODD, COUPONS), theme
        ),
        "benefits_long": benefits.choices_message(
            benefits.BenefitsView(LONG, (ODD_CHOICE,) * 20, CARD, BENEFITS), theme
        ),
        "benefits_chosen_long": benefits.choices_message(
            benefits.BenefitsView(BLANK, (replace(ODD_CHOICE, chosen=LONG),), CARD, BENEFITS), theme
        ),
        "benefit_confirm_long": benefits.confirm_message(
            benefits.AskView(LONG, LONG, LONG, LONG, (LONG, BLANK) * 9, Press("t" * 300), CARD),
            theme,
        ),
        "benefit_claimed_long": benefits.claimed_message(
            benefits.ClaimedView(LONG, LONG, BLANK, HUGE, ODD, -HUGE, CARD, COUPONS), theme
        ),
        "ladder_empty": tiers.ladder_message(tiers.LadderView((), CARD), theme),
        "tier_changed_long": tiers.changed_message(
            tiers.TierChangedView(
                "upgraded", LONG, LONG, "", end, privileges, CARD, ODD, LONG, LONG, LONG, end
            ),
            theme,
        ),
        "tier_expiring_long": tiers.expiring_message(
            tiers.TierExpiringView(LONG, LONG, "", end, 0, LONG, LONG, 900, CARD, why), theme
        ),
        "receipt_long": purchases.receipt_message(LONG_RECEIPT, theme),
        "receipt_zero": purchases.receipt_message(
            purchases.ReceiptView(0, 0, 0, BLANK, NOON, CARD), theme
        ),
        "refund_long": purchases.refund_message(
            purchases.RefundView(HUGE, HUGE, -HUGE, LONG, NOON, CARD, HUGE, LONG, (LONG,), HUGE),
            theme,
        ),
        "exchange_even": purchases.exchange_message(
            purchases.ExchangeView(HUGE, HUGE, HUGE, 0, -HUGE, LONG, NOON, CARD, notes=(LONG,) * 9),
            theme,
        ),
        "history_long": purchases.history_message(
            purchases.HistoryView(lines, CARD, HUGE, HUGE, PAGE), theme
        ),
        "rewards_long": rewards.catalogue_message(
            rewards.CatalogueView((ODD_REWARD,) * 30, -HUGE, CARD, HUGE, PAGE), theme
        ),
        "reward_confirm_long": rewards.confirm_message(
            rewards.AskView(ODD_REWARD, -HUGE, end, Press("t" * 300), CARD), theme
        ),
        "reward_exchanged_long": rewards.exchanged_message(
            rewards.ExchangedView(LONG, HUGE, -HUGE, LONG, end, PAGE, HUGE, PAGE, NOON), theme
        ),
        "stores_long": stores.message(
            stores.StoresView((store, blank_store) * 20, HUGE, PAGE), theme
        ),
        "help_long": help.message(
            help.HelpView(tuple(help.HelpWord(LONG, LONG, CARD) for _ in range(40))), theme
        ),
        "fallback_long": help.fallback_message(help.FallbackView(((LONG, CARD),) * 40)),
        "welcome_long": lifecycle.welcome_message(
            lifecycle.WelcomeView(LONG, COUPONS, why, ODD), theme
        ),
        "welcome_blank": lifecycle.welcome_message(
            lifecycle.WelcomeView(BLANK, COUPONS, why), theme
        ),
        "birthday_long": lifecycle.birthday_message(
            lifecycle.BirthdayView(LONG, 12, COUPONS, why, ODD, 10, 0), theme
        ),
        "dormancy_long": lifecycle.dormancy_message(
            lifecycle.DormancyView(LONG, HUGE, 3, HUGE, COUPONS, why, ODD, end), theme
        ),
        "invite_long": referrals.invite_message(
            referrals.InviteView(LONG, LONG, LONG, LONG, (LONG,) * 20, HUGE, HUGE, PAGE), theme
        ),
        "invite_blank": referrals.invite_message(
            referrals.InviteView(BLANK, BLANK, BLANK, BLANK, (), 0, 0), theme
        ),
        "invitation_long": referrals.invitation_message(
            referrals.InvitationView(LONG, LONG, HUGE, end, INVITATION.join), theme
        ),
        "invitation_blank": referrals.invitation_message(
            referrals.InvitationView(BLANK, BLANK, 0, end, INVITATION.join), theme
        ),
        "rewarded_long": referrals.rewarded_message(
            referrals.RewardedView(LONG, HUGE, LONG, POINTS, COUPONS, CARD), theme
        ),
        "rewarded_blank": referrals.rewarded_message(
            referrals.RewardedView(BLANK, 0, BLANK, POINTS, COUPONS, CARD), theme
        ),
        "draws_long": draws.list_message(
            (
                replace(
                    DRAW,
                    name=LONG,
                    left=LONG,
                    mine=LONG,
                    label=LONG,
                    cost=HUGE,
                    prizes=(draws.PrizeLine(LONG, HUGE, HUGE),) * 20,
                ),
            )
            * 20,
            theme,
        ),
        "draws_blank": draws.list_message(
            (draws.DrawView(BLANK, BLANK, NOON, (), 0, BLANK),), theme
        ),
        "draw_ask_long": draws.ask_message(
            replace(ASK, name=LONG, label=LONG, rules=(LONG,) * 6, cost=HUGE, balance=HUGE), theme
        ),
        "draw_entered_long": draws.entered_message(
            replace(ENTERED, name=LONG, ticket=LONG, commitment=LONG), theme
        ),
        "draw_entered_blank": draws.entered_message(
            draws.EnteredView(BLANK, BLANK, NOON, BLANK), theme
        ),
        "draw_spun_long": draws.spun_message(
            replace(SPUN, name=LONG, prize=LONG, how=LONG, again=None), theme
        ),
        "draw_won_long": draws.won_message(
            replace(WON, draw=LONG, prize=LONG, ticket=LONG, tax=LONG, proof=PAGE), theme
        ),
        "draw_won_blank": draws.won_message(
            draws.WonView(BLANK, BLANK, BLANK, None, BLANK, None, PAGE), theme
        ),
        "paused_long": membership.paused_message(membership.PausedView(LONG, CARD), theme),
    }
