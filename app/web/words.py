"""What stored words are called on staff pages. An unknown word is shown as it is."""

from typing import Final

from app.scores.rules import NES

ROLES: Final = {
    "owner": "負責人",
    "marketer": "行銷",
    "analyst": "分析",
    "store_manager": "店長",
    "clerk": "店員",
    "support": "客服",
}
WORK: Final = {  # what a role is for, where somebody chooses one
    "owner": "什麼都可以，包含人員、門市與設定。",
    "marketer": "會員完整資料、分眾、群發、抽獎與審核。",
    "support": "會員完整資料、合併會員、發票審核與重送訊息。",
    "analyst": "只看數字，看不到姓名與手機。",
    "store_manager": "門市收銀與退款；後台的會員姓名遮住中間。",
    "clerk": "門市收銀：識別會員、登錄消費、核銷優惠券。",
}
TOKEN_ROLES: Final = {"pos": "POS：查會員、登錄消費與退款", "read": "唯讀：只查會員"}
MEMBER_STATUSES: Final = {"guest": "好友（未入會）", "member": "會員", "closed": "已退會"}
KINDS: Final = {
    "member.friended": "加入好友",
    "member.unfriended": "封鎖官方帳號",
    "member.joined": "加入會員",
    "member.linked": "綁定既有會員資料",
    "topic.stopped": "關掉一個訊息主題",
    "topic.resumed": "又想收到一個訊息主題",
    "member.closed": "申請結束會員",
    "member.reopened": "取消結束會員",
    "member.wiped": "個人資料已清除",
    "member.corrected": "更正資料",
    "member.asked": "提出個資請求",
    "member.unbound": "解除綁定",
    "member.merged": "與另一位會員合併",
    "member.parted": "取消合併",
    "purchase.recorded": "消費",
    "purchase.refunded": "退款",
    "points.earned": "獲得點數",
    "points.activated": "點數生效",
    "points.redeemed": "使用點數",
    "points.restored": "點數退回",
    "points.expired": "點數到期",
    "points.revoked": "收回點數",
    "points.adjusted": "點數調整",
    "points.awarded": "獲得獎勵點數",
    "points.withdrawn": "收回獎勵點數",
    "tier.upgraded": "升等",
    "tier.renewed": "續等",
    "tier.downgraded": "等級調整",
    "tier.revoked": "等級撤回",
    "tier.started": "等級開始",
    "coupon.issued": "獲得優惠券",
    "coupon.given": "送出優惠券",
    "coupon.received": "收到朋友送的優惠券",
    "coupon.redeemed": "核銷優惠券",
    "coupon.rolled_back": "優惠券退回",
    "coupon.expired": "優惠券到期",
    "coupon.revoked": "優惠券收回",
    "coupon.used_before_revocation": "升等禮在撤回前已使用",
    "draw.entered": "參加抽獎",
    "draw.spun": "轉動輪盤",
    "draw.won": "抽中獎項",
    "referral.joined": "推薦的好友加入",
    "referral.rewarded": "好友推薦獎勵",
    "reward.exchanged": "兌換商品",
    "reward.cancelled": "取消兌換",
    "reward.lapsed": "兌換逾期未領",
    "reward.returned": "兌換逾期退回點數",
    "benefit.claimed": "選擇等級權益",
    "benefit.taken_back": "等級權益收回",
    "benefit.kept": "等級撤回前已使用的權益",
    "mission.completed": "完成任務",
    "stamps.reached": "集點卡達成",
    "nes.n0": "成為新顧客",
    "nes.e0": "成為主力顧客",
    "nes.s1": "開始瞌睡",
    "nes.s2": "變成半睡",
    "nes.s3": "變成沉睡",
    "rfm.moved": "換了 RFM 客群",
    "message.sent": "送出訊息",
}
NES_STATES: Final = NES
ACTIONS: Final = {
    "login": "登入",
    "store.chosen": "選擇門市",
    "member.identified": "識別會員",
    "member.viewed": "查看會員資料",
    "purchase.recorded": "登錄消費",
    "purchase.exchanged": "換貨",
    "coupon.goodwill": "送補償券",
    "offline.recorded": "離線登錄送出",
    "offline.refused": "離線登錄未成功",
    "offline.dismissed": "離線登錄由店長處理",
    "purchase.refunded": "退款",
    "coupon.redeemed": "核銷優惠券",
    "coupon_kind.created": "新增優惠券種類",
    "coupon_kind.revised": "修改優惠券種類",
    "coupon_kind.paused": "停止發放優惠券",
    "coupon_kind.resumed": "恢復發放優惠券",
    "programme.apply": "以檔案套用會員制度",
    "programme.begun": "開始會員制度",
    "programme.written": "撰寫會員制度草稿",
    "programme.asked": "送出會員制度草稿",
    "programme.approved": "核准會員制度草稿",
    "programme.rejected": "退回會員制度草稿",
    "programme.withdrawn": "收回會員制度草稿",
    "programme.renewed": "會員制度草稿放到最新版",
    "points.corrected": "調整點數",
    "points.correction_asked": "申請調整點數",
    "points.correction_approved": "核准調整點數",
    "points.correction_rejected": "退回調整點數",
    "message.retried": "重送訊息",
    "staff.linked": "登記人員的會員編號",
    "experiment.saved": "建立實驗",
    "experiment.started": "開始實驗",
    "experiment.stopped": "提早停止實驗",
    "experiment.removed": "丟掉實驗草稿",
    "draw.created": "建立抽獎",
    "draw.frozen": "凍結抽獎名單",
    "draw.decided": "開獎",
    "draw.claimed": "發放獎項",
    "referral.approved": "核准好友推薦",
    "referral.rejected": "退回好友推薦",
    "event.retried": "重新處理事件",
    "sales.file_brought": "上傳消費檔",
    "sales.import_started": "匯入消費檔",
    "sales.import_cancelled": "停止匯入",
    "segment.saved": "儲存分眾",
    "segment.removed": "刪除分眾",
    "tag.made": "新增標籤",
    "tag.renamed": "修改標籤名稱",
    "tag.removed": "刪除標籤",
    "tag.put": "貼標籤",
    "tag.taken_off": "撕掉標籤",
    "richmenu.ready": "建立訪客與會員選單",
    "richmenu.saved": "儲存圖文選單",
    "richmenu.published": "發布圖文選單",
    "richmenu.stopped": "停止發布圖文選單",
    "richmenu.rolled_back": "圖文選單換回舊版",
    "richmenu.removed": "移除圖文選單",
    "staff.invited": "邀請人員",
    "staff.joined": "加入團隊",
    "staff.changed": "變更人員權限",
    "staff.deactivated": "停用人員",
    "staff.activated": "恢復人員",
    "staff.password_offered": "產生重設密碼連結",
    "staff.password_set": "設定密碼",
    "staff.link_revoked": "收回連結",
    "staff.second_on": "開啟兩步驟驗證",
    "staff.second_off": "關閉兩步驟驗證",
    "staff.recovery_codes_made": "產生備用碼",
    "staff.sessions_ended": "登出裝置",
    "store.made": "新增門市",
    "store.changed": "修改門市",
    "store.closed": "結束營業",
    "store.opened": "恢復營業",
    "token.made": "新增 API 權杖",
    "token.revoked": "停用 API 權杖",
    "list.exported": "下載名單",
    "request.opened": "登記個資請求",
    "request.prolonged": "延長個資請求",
    "request.decided": "結案個資請求",
    "request.fetched": "下載個資請求的資料",
    "hook.made": "新增 Webhook",
    "hook.changed": "修改 Webhook",
    "hook.paused": "暫停 Webhook",
    "hook.resumed": "恢復 Webhook",
    "hook.removed": "刪除 Webhook",
    "hook.secret_changed": "換 Webhook 金鑰",
    "hook.sent_again": "重送 Webhook",
    "topic.made": "新增訊息主題",
    "topic.worded": "修改訊息主題",
    "topic.offered": "啟用訊息主題",
    "topic.given_up": "停用訊息主題",
    "broadcast.saved": "儲存群發草稿",
    "broadcast.removed": "刪除群發草稿",
    "broadcast.tried": "試寄群發",
    "broadcast.planned": "排定群發",
    "broadcast.unplanned": "取消群發排程",
    "broadcast.paused": "暫停群發",
    "broadcast.resumed": "繼續群發",
    "broadcast.cancelled": "取消群發",
    "journey.saved": "儲存旅程",
    "journey.removed": "刪除旅程草稿",
    "journey.published": "發布旅程",
    "journey.paused": "暫停旅程",
    "journey.resumed": "繼續旅程",
    "journey.ended": "結束旅程",
}
CHANNELS: Final = {
    "pos": "POS",
    "clerk": "店員登錄",
    "offline": "離線登錄",
    "import": "匯入",
    "invoice": "發票",
    "reply": "回覆",
    "push": "推播",
    "multicast": "推播（多人）",
    "sms": "簡訊",
    "menu": "圖文選單",
    "liff": "會員頁面",
    "chat": "聊天室",
    "phone": "電話",
    "letter": "書信",
    "line": "LINE 對話",
    "email": "電子郵件",
    "store": "門市",
}
SOURCES: Final = {
    "reward": "點數兌換",
    "stamps": "集點卡獎勵",
    "welcome": "入會禮",
    "birthday": "生日禮",
    "upgrade": "升等禮",
    "qr": "店內 QR",
    "referral": "好友推薦",
    "draw": "抽獎",
    "season": "當季活動",
    "broadcast": "群發",
    "journey": "旅程",
    "word": "活動代碼",
} | CHANNELS
MESSAGES: Final = {
    "receipt": "消費收據",
    "refund": "退款通知",
    "exchange": "換貨通知",
    "goodwill": "補償券通知",
    "tier.upgraded": "升等通知",
    "welcome": "歡迎訊息",
    "unbound": "解除綁定通知",
    "marketing": "行銷訊息",
    "menu": "切換選單",
    "sms": "簡訊驗證碼",
    "card": "會員卡",
    "points": "點數",
    "coupons": "優惠券",
    "draw.won": "中獎通知",
    "birthday": "生日祝賀",
    "broadcast": "群發",
    "journey": "旅程",
    "trial": "群發試寄",
    "coupon.gift_given": "朋友收下優惠券",
    "coupon.gift_received": "收到朋友送的優惠券",
    "coupon.gift_lapsed": "送出的優惠券沒人收下",
    "referral.joined": "推薦的好友加入",
    "referral.rewarded": "好友推薦獎勵",
}
SENDING_STATUSES: Final = {
    "waiting": "等待中",
    "sending": "送出中",
    "sent": "已送達 LINE",
    "parked": "待處理",
    "cancelled": "已取消",
}
COUPON_STATUSES: Final = {
    "issued": "可使用",
    "reserved": "保留中",
    "redeemed": "已使用",
    "expired": "已到期",
    "revoked": "已收回",
}
EXCHANGE_STATUSES: Final = {
    "open": "待領取",
    "picked_up": "已領取",
    "cancelled": "已取消",
    "lapsed": "逾期未領",
    "returned": "逾期退回",
}
POINT_KINDS: Final = {
    "earn": "獲得",
    "award": "獎勵",
    "withdraw": "收回獎勵",
    "activate": "生效",
    "redeem": "使用",
    "restore": "退回",
    "expire": "到期",
    "revoke": "收回",
    "adjust": "調整",
    "repay": "抵扣欠點",
    "merge": "合併",
}
TIER_REASONS: Final = {
    "join": "入會",
    "upgrade": "升等",
    "renewed": "續等",
    "downgrade": "到期調整",
    "manual": "人工指定",
    "revoked": "退款撤回",
    "merged": "合併會員",
    "parted": "取消合併",
}
CONSENTS: Final = {
    "notice": "個資告知",
    "terms": "會員條款",
    "marketing": "行銷訊息",
    "sharing": "第三方分享",
}


REFERRALS: Final = {
    "bound": "已接受邀請",
    "joined": "已入會",
    "pending": "已首購，待退貨期滿",
    "rewarded": "已發獎勵",
    "rejected": "不符資格",
    "cancelled": "已取消",
    "lapsed": "已失效",
}
REFERRAL_REASONS: Final = {
    "expired": "逾期未入會",
    "no_purchase": "逾期未消費",
    "replaced": "改用其他邀請",
    "self": "自我推薦",
    "known": "手機號碼曾是會員",
    "minor": "未滿 18 歲",
    "circular": "互相推薦",
    "inviter": "推薦人不符資格",
    "staff": "門市人員",
    "refund": "消費已退貨",
    "left": "好友已退會",
}


DRAW_STATUSES: Final = {"open": "進行中", "frozen": "名單已凍結", "drawn": "已開獎"}
WIN_STATUSES: Final = {
    "won": "待領獎",
    "claimed": "已發放",
    "forfeited": "逾期未領",
    "alternate": "備取",
}

OBJECTS: Final = {
    "draw": "抽獎",
    "win": "獎項",
    "referral": "好友推薦",
    "member": "會員",
    "staff": "人員",
    "purchase": "消費",
    "coupon": "優惠券",
    "store": "門市",
    "outbox": "訊息",
    "inbox": "事件",
    "import": "匯入檔",
    "segment": "分眾",
    "broadcast": "群發",
    "journey": "旅程",
    "tag": "標籤",
    "topic": "訊息主題",
    "link": "連結",
    "token": "API 權杖",
    "hook": "Webhook",
    "request": "個資請求",
}
LOOKUPS: Final = {
    "page": "打開會員頁面",
    "why": "打開「為什麼」",
    "merge": "比對兩位會員",
    "search": "搜尋會員",
    "list": "瀏覽名單",
    "recipients": "瀏覽群發名單",
    "winners": "瀏覽中獎名單",
    "file": "下載檔案",
}
LISTS: Final = {
    "members": "會員清單",
    "search": "全站搜尋",
    "requests": "個資請求",
    "audit": "操作紀錄",
    "lookups": "個資查閱紀錄",
    "referrals": "好友推薦",
    "invoices": "發票",
    "segment": "分眾試看",
    "delivery": "待處理的訊息",
}
TAG_SOURCES: Final = {
    "staff": "人員",
    "segment": "分眾",
    "list": "名單",
    "letter": "群發點擊",
    "journey": "旅程",
}
RUN_STATES: Final = {
    "going": "在旅程中",
    "done": "走完",
    "left": "中途離開",
    "control": "對照組",
}
BROWSERS: Final = {  # in this order: those further down are named by those above, too
    "Line/": "LINE",
    "Edg/": "Edge",
    "SamsungBrowser/": "Samsung Internet",
    "Firefox/": "Firefox",
    "CriOS/": "Chrome",
    "Chrome/": "Chrome",
    "Safari/": "Safari",
}
SYSTEMS: Final = {
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Android": "Android",
    "Windows": "Windows",
    "Mac OS X": "Mac",
    "Linux": "Linux",
}


def of(table: dict[str, str], word: str) -> str:
    return table.get(word, word)


def message(kind: str) -> str:
    """`broadcast:12` by what stands before the colon."""
    return MESSAGES.get(kind.partition(":")[0], kind)


def source(word: str) -> str:
    """`upgrade:gold` and `birthday:2026-07` by what stands before the colon."""
    return SOURCES.get(word.partition(":")[0], word)


def list_of(name: str) -> str:
    """Which list was looked at: `broadcast:3` as `群發 #3`, `invoices` as `發票`."""
    return LISTS.get(name) or object_of(name)


def object_of(name: str) -> str:
    """`member:78` as `會員 #78`."""
    kind, colon, number = name.partition(":")
    if not colon or kind not in OBJECTS:
        return LISTS.get(name, name)
    return f"{OBJECTS[kind]} #{number}" if number else OBJECTS[kind]


def device(agent: str) -> str:
    """A browser's long description of itself as `Chrome・Android`."""
    found = [
        next((name for sign, name in table.items() if sign in agent), "")
        for table in (BROWSERS, SYSTEMS)
    ]
    return "・".join(filter(None, found)) or agent
