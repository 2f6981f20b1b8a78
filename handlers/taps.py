"""The buttons that several conversations place: what they send and what they say in the chat."""

from app.attention import rules as attention
from app.attention.rules import Topic
from app.line import taps
from flex_templates.parts import Press, Tap
from handlers.context import Brand

CARD = Press(taps.ShowCard().pack(), says="會員卡")
CODE = Press(taps.ShowCode().pack(), says="出示會員碼")
POINTS = Press(taps.ShowPoints().pack(), says="我的點數")
WHY = Press(taps.ShowWhy().pack(), says="為什麼是這個數字")
COUPONS = Press(taps.ShowCoupons().pack(), says="優惠券")
REWARDS = Press(taps.ShowRewards().pack(), says="兌換商品")
TIERS = Press(taps.ShowTiers().pack(), says="等級權益")
BENEFITS = Press(taps.ShowBenefits().pack(), says="任選權益")
PURCHASES = Press(taps.ShowPurchases().pack(), says="消費紀錄")
STORES = Press(taps.ShowStores().pack(), says="門市")
HELP = Press(taps.AskForHelp().pack(), says="說明")
CONTACT = Press(taps.ContactUs().pack(), says="聯絡客服")
CENTRE = Press(taps.ShowCentre().pack(), says="會員中心")
LEAVE = Press(taps.AskToClose().pack(), says="刪除會員")
CLOSE = Press(taps.CloseMembership().pack(), says="確定刪除會員")
REOPEN = Press(taps.ReopenMembership().pack(), says="取消刪除")
DRAWS = Press(taps.ShowDraws().pack(), says="抽獎")
INVITE = Press(taps.InviteFriends().pack(), says="邀請好友")
TOPICS = Press(taps.ShowTopics().pack(), says="訊息主題")
STOP = Press(taps.StopMarketing().pack(), says="停止行銷訊息")
RESUME = Press(taps.ResumeMarketing().pack(), says="恢復行銷訊息")


def join(brand: Brand) -> Tap:
    """The page when there is one, else the steps in the chat."""
    return brand.page("join") or Press(taps.StartJoining().pack(), says="加入會員")


def stop_topic(topic: Topic) -> tuple[str, Tap]:
    """The button that turns a topic off, with what it says."""
    label = attention.declined(topic.name)
    return label, Press(taps.StopTopic(topic.code).pack(), says=label)


def resume_topic(topic: Topic) -> tuple[str, Tap]:
    label = f"想收到「{topic.name}」"
    return label, Press(taps.ResumeTopic(topic.code).pack(), says=label)


def joining(press: str, *, says: str = "", types: bool = False) -> Press:
    return Press(taps.JoinStep(press).pack(), says=says, types=types)
