"""What the product's buttons say back to it. Messages are made on every floor, so the words they
carry live below all of them; `handlers/` answers each."""

from dataclasses import dataclass
from typing import ClassVar

from app.line.postback import Postback


@dataclass(frozen=True, slots=True)
class ShowCard(Postback):
    prefix: ClassVar[str] = "card"


@dataclass(frozen=True, slots=True)
class ShowCode(Postback):
    """The rotating QR for the clerk."""

    prefix: ClassVar[str] = "code"


@dataclass(frozen=True, slots=True)
class ShowPoints(Postback):
    prefix: ClassVar[str] = "points"


@dataclass(frozen=True, slots=True)
class ShowWhy(Postback):
    """How the member's numbers came about."""

    prefix: ClassVar[str] = "why"


@dataclass(frozen=True, slots=True)
class ShowCoupons(Postback):
    prefix: ClassVar[str] = "coupons"


@dataclass(frozen=True, slots=True)
class ShowTiers(Postback):
    prefix: ClassVar[str] = "tiers"


@dataclass(frozen=True, slots=True)
class ShowBenefits(Postback):
    """What the member's tier lets them choose."""

    prefix: ClassVar[str] = "benefits"


@dataclass(frozen=True, slots=True)
class AskBenefit(Postback):
    """Asks first: a choice cannot be changed."""

    prefix: ClassVar[str] = "benefit.ask"
    choice: str
    option: str


@dataclass(frozen=True, slots=True)
class ClaimBenefit(Postback):
    prefix: ClassVar[str] = "benefit.take"
    choice: str
    option: str


@dataclass(frozen=True, slots=True)
class ShowPurchases(Postback):
    prefix: ClassVar[str] = "purchases"


@dataclass(frozen=True, slots=True)
class ShowStores(Postback):
    prefix: ClassVar[str] = "stores"


@dataclass(frozen=True, slots=True)
class ShowWaysToEarn(Postback):
    prefix: ClassVar[str] = "earn"


@dataclass(frozen=True, slots=True)
class ShowNews(Postback):
    prefix: ClassVar[str] = "news"


@dataclass(frozen=True, slots=True)
class AskForHelp(Postback):
    prefix: ClassVar[str] = "help"


@dataclass(frozen=True, slots=True)
class ContactUs(Postback):
    prefix: ClassVar[str] = "contact"


@dataclass(frozen=True, slots=True)
class StartJoining(Postback):
    prefix: ClassVar[str] = "join"


@dataclass(frozen=True, slots=True)
class JoinStep(Postback):
    """A press while joining in the chat; `press` is one of enrolments' words."""

    prefix: ClassVar[str] = "joining"
    press: str


@dataclass(frozen=True, slots=True)
class UseCoupon(Postback):
    """A member wants to use a coupon at a store without a scanner: asks to confirm."""

    prefix: ClassVar[str] = "coupon.use"
    coupon_id: int


@dataclass(frozen=True, slots=True)
class ConfirmCoupon(Postback):
    """「由店員操作」: pressed by the clerk on the member's phone."""

    prefix: ClassVar[str] = "coupon.confirm"
    coupon_id: int


@dataclass(frozen=True, slots=True)
class FollowLetter(Postback):
    """The button of a letter; `ref` names it, `place` is what the button opens. Without a `ref` it
    was only a preview."""

    prefix: ClassVar[str] = "letter"
    ref: str
    place: str


@dataclass(frozen=True, slots=True)
class ShowTopics(Postback):
    """What marketing is about, each to be turned off or on."""

    prefix: ClassVar[str] = "topics"


@dataclass(frozen=True, slots=True)
class StopTopic(Postback):
    """No more of what this topic's code stands for."""

    prefix: ClassVar[str] = "topic.stop"
    topic: str


@dataclass(frozen=True, slots=True)
class ResumeTopic(Postback):
    prefix: ClassVar[str] = "topic.resume"
    topic: str


@dataclass(frozen=True, slots=True)
class StopMarketing(Postback):
    prefix: ClassVar[str] = "marketing.stop"


@dataclass(frozen=True, slots=True)
class ResumeMarketing(Postback):
    prefix: ClassVar[str] = "marketing.resume"


@dataclass(frozen=True, slots=True)
class ShowCentre(Postback):
    """What somebody may decide about their own data."""

    prefix: ClassVar[str] = "centre"


@dataclass(frozen=True, slots=True)
class AskToClose(Postback):
    """Wants to leave: is shown what will be lost, and asked once more."""

    prefix: ClassVar[str] = "close.ask"


@dataclass(frozen=True, slots=True)
class CloseMembership(Postback):
    prefix: ClassVar[str] = "close.confirm"


@dataclass(frozen=True, slots=True)
class ReopenMembership(Postback):
    prefix: ClassVar[str] = "close.undo"


@dataclass(frozen=True, slots=True)
class InviteFriends(Postback):
    prefix: ClassVar[str] = "invite"


@dataclass(frozen=True, slots=True)
class ShowDraws(Postback):
    prefix: ClassVar[str] = "draws"


@dataclass(frozen=True, slots=True)
class AskToEnter(Postback):
    """Wants to enter a draw or spin a wheel: is asked once more."""

    prefix: ClassVar[str] = "draw.ask"
    draw_id: int


@dataclass(frozen=True, slots=True)
class EnterDraw(Postback):
    """`turn`: how many presses there were before, so that a second tap is the same press."""

    prefix: ClassVar[str] = "draw.enter"
    draw_id: int
    turn: int


@dataclass(frozen=True, slots=True)
class ShowRewards(Postback):
    prefix: ClassVar[str] = "rewards"


@dataclass(frozen=True, slots=True)
class AskExchange(Postback):
    """A member wants a reward: asks to confirm."""

    prefix: ClassVar[str] = "reward.ask"
    reward_id: int


@dataclass(frozen=True, slots=True)
class ConfirmExchange(Postback):
    """`form_id` was made with the question: however often it is pressed, it exchanges once."""

    prefix: ClassVar[str] = "reward.take"
    reward_id: int
    form_id: str


@dataclass(frozen=True, slots=True)
class CancelExchange(Postback):
    prefix: ClassVar[str] = "reward.undo"
    exchange_id: int


@dataclass(frozen=True, slots=True)
class SwitchTab(Postback):
    """Sent along while LINE itself shows another page of the menu; asks for nothing."""

    prefix: ClassVar[str] = "tab"
    number: int
