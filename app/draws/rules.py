"""What a draw is, what the law asks of it, and how its winners are found so that anybody can
recompute them. docs/fair-draws.md says the same in words; the two must not differ.

A draw with a date: a secret seed is made first and its SHA-256 published. At the end the entries
are frozen into a list whose SHA-256 is published. Then seed and list decide, and both are shown.
A wheel: the same seed decides every spin by its number, under prizes whose hash was published."""

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from app.core.clock import taipei_date, taipei_midnight
from app.core.errors import DomainError, Invalid

DRAW, WHEEL = "draw", "wheel"
KINDS: Final = (DRAW, WHEEL)
ADULT: Final = 18
MOST_OF_A_SALE: Final = 100  # entries; a slip of the till must not fill a list
_WORD: Final = 2**64

# 公平會與稅法: what a prize may be worth, and what its winner must be told.
LARGEST_PRIZE: Final = 5_000_000  # NT$
STATEMENT_ABOVE: Final = 1_000  # NT$: identity is needed for the yearly income statement
WITHHELD_ABOVE: Final = 20_000  # NT$, residents
RESIDENT_PERCENT, FOREIGN_PERCENT = 10, 20


@dataclass(frozen=True, slots=True)
class Prize:
    """`weight` counts on a wheel only. Points and coupons are delivered by themselves."""

    name: str
    quantity: int
    value: int = 0  # NT$ each
    description: str = ""
    weight: int = 0
    points: int = 0
    coupon: str | None = None  # kind code


@dataclass(frozen=True, slots=True)
class DrawDraft:
    """A draw as people write it down."""

    code: str
    name: str
    starts_at: datetime
    ends_at: datetime
    prizes: tuple[Prize, ...]
    kind: str = DRAW
    draw_at: datetime | None = None  # None: at the end
    description: str = ""
    cost: int = 0  # points an entry
    may_enter: bool = True  # False: entries come only with sales, coupons or missions
    sale_unit: int | None = None  # NT$ of a sale for one entry
    coupon: str | None = None  # a coupon of this kind used on a sale gives an entry
    per_member: int | None = None
    per_day: int | None = None
    wins_per_member: int = 1
    alternates: int = 0  # who takes the place of winners that do not come
    claim_days: int = 30
    adults_only: bool = False  # alcohol or tobacco among the prizes
    blank_weight: int = 0  # of the wheel's part that wins nothing


class NotOpen(DomainError):
    """`reason`: waiting (has not begun), over, closed (to presses)."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the draw is not open: {reason}")
        self.reason = reason


class EntryLimit(DomainError):
    """`per`: member or day."""

    def __init__(self, per: str) -> None:
        super().__init__(f"no more entries per {per}")
        self.per = per


class AdultsOnly(DomainError):
    """Prizes that may not go to minors, or to who has not said their age."""


class BadProof(DomainError):
    """A published proof that does not add up; `reason` says where."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


# What may be published ----------------------------------------------------------------------------


def check_draft(draft: DrawDraft) -> None:  # noqa: C901  # one line each
    """Raises Invalid naming the first field at fault."""
    if not draft.code or len(draft.code) > 40:
        raise Invalid("code", "長度必須介於 1 與 40")
    if not draft.name or len(draft.name) > 60:
        raise Invalid("name", "長度必須介於 1 與 60")
    if draft.kind not in KINDS:
        raise Invalid("kind", "必須是 draw 或 wheel")
    if draft.ends_at <= draft.starts_at:
        raise Invalid("ends_at", "結束須晚於開始")
    if draft.draw_at is not None and draft.draw_at < draft.ends_at:
        raise Invalid("draw_at", "開獎不得早於結束")
    if not draft.prizes:
        raise Invalid("prizes", "至少需要一個獎項")
    for name in ("cost", "alternates", "claim_days", "blank_weight"):
        if getattr(draft, name) < 0:
            raise Invalid(name, "不可為負")
    for name in ("per_member", "per_day", "sale_unit"):
        if (value := getattr(draft, name)) is not None and value < 1:
            raise Invalid(name, "必須大於 0")
    if draft.wins_per_member < 1:
        raise Invalid("wins_per_member", "必須大於 0")
    for index, prize in enumerate(draft.prizes):
        _check_prize(f"prizes[{index}]", prize, draft.kind)


def _check_prize(where: str, prize: Prize, kind: str) -> None:
    if not prize.name or len(prize.name) > 60:
        raise Invalid(f"{where}.name", "長度必須介於 1 與 60")
    if prize.quantity < 1:
        raise Invalid(f"{where}.quantity", "必須大於 0")
    if not 0 <= prize.value <= LARGEST_PRIZE:
        raise Invalid(f"{where}.value", f"獎項價值不得超過 NT${LARGEST_PRIZE:,}")
    if prize.points < 0:
        raise Invalid(f"{where}.points", "不可為負")
    if kind == WHEEL and prize.weight < 1:
        raise Invalid(f"{where}.weight", "輪盤的獎項需要權重")


def yearly_limit(sales_last_year: int) -> int:
    """NT$ that prizes tied to purchases may be worth in a calendar year (公平會處理原則)."""
    if sales_last_year >= 3_000_000_000:
        return 600_000_000
    if sales_last_year >= 750_000_000:
        return sales_last_year // 5
    return 150_000_000


@dataclass(frozen=True, slots=True)
class Tax:
    needs_identity: bool
    withheld: int  # NT$


def tax(value: int, *, is_resident: bool = True) -> Tax:
    """What a prize of NT$ `value` costs its winner. Residents: a tax of NT$2,000 or less is not
    withheld; others pay always."""
    needs_identity = value > STATEMENT_ABOVE
    if not is_resident:
        return Tax(needs_identity, value * FOREIGN_PERCENT // 100)
    return Tax(needs_identity, value * RESIDENT_PERCENT // 100 if value > WITHHELD_ABOVE else 0)


def tax_note(value: int) -> str:
    """For the winner of such a prize; empty when the law asks nothing of them."""
    owed = tax(value)
    if not owed.needs_identity:
        return ""
    note = "獎項價值超過 NT$1,000，領獎時須提供身分證明文件，以申報年度所得。"
    if owed.withheld:
        note += f"價值超過 NT$20,000，須先繳納 10% 機會中獎所得稅 NT${owed.withheld:,}。"
    foreign = tax(value, is_resident=False).withheld
    return note + f"非中華民國境內居住者一律扣繳 20%（NT${foreign:,}）。"


def claim_by(won_at: datetime, days: int) -> datetime:
    """The first instant too late: the last day counts whole."""
    return taipei_midnight(taipei_date(won_at) + timedelta(days=days + 1))


def is_adult(birthday: date | None, today: date) -> bool:
    if birthday is None:
        return False
    years = today.year - birthday.year - ((today.month, today.day) < (birthday.month, birthday.day))
    return years >= ADULT


# The proof ----------------------------------------------------------------------------------------


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def commitment(seed: str) -> str:
    """Of the seed's 64 hexadecimal letters: `printf %s SEED | sha256sum`."""
    return sha256(seed)


def terms_text(draft: DrawDraft) -> str:
    """Everything that decides who wins, as one line of JSON with sorted keys."""
    decisive = {
        "code": draft.code,
        "kind": draft.kind,
        "starts_at": draft.starts_at.timestamp(),
        "ends_at": draft.ends_at.timestamp(),
        "wins_per_member": draft.wins_per_member,
        "alternates": draft.alternates,
        "blank_weight": draft.blank_weight,
        "prizes": [asdict(prize) for prize in draft.prizes],
    }
    return json.dumps(decisive, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Entrant:
    """One entry as it is published: its ticket, and a name for its member in this draw only."""

    ticket: str
    alias: str


def entrants_text(entrants: Sequence[Entrant]) -> str:
    """One line an entry, in order: number from 1, ticket, alias."""
    return "".join(
        f"{number},{entrant.ticket},{entrant.alias}\n"
        for number, entrant in enumerate(entrants, start=1)
    )


class Dice:
    """Whole numbers that follow from a seed and a context, each as likely as the others.

    The n-th word is the first eight bytes of HMAC-SHA256(seed, "context:n"), n from 0. A word in
    the last, incomplete part of the range is thrown away: it would make small numbers likelier."""

    def __init__(self, seed: str, context: str) -> None:
        self._key, self._context, self._count = bytes.fromhex(seed), context, 0

    def below(self, bound: int) -> int:
        """0 … bound − 1."""
        fair = _WORD - _WORD % bound
        while True:
            word = self._word()
            if word < fair:
                return word % bound

    def _word(self) -> int:
        message = f"{self._context}:{self._count}".encode()
        self._count += 1
        return int.from_bytes(hmac.new(self._key, message, hashlib.sha256).digest()[:8], "big")


@dataclass(frozen=True, slots=True)
class Pick:
    """A winning entry. `prize` is its place in the list of prizes; None: an alternate."""

    ticket: str
    alias: str
    prize: int | None


def winners(
    *,
    seed: str,
    entrants: Sequence[Entrant],
    quantities: Sequence[int],
    wins_per_member: int,
    alternates: int,
) -> list[Pick]:
    """In the order of the prizes, then the alternates. Each pick takes an entry out; one whose
    member has won often enough is passed over. Who is an alternate has won nothing."""
    dice = Dice(seed, sha256(entrants_text(entrants)))
    pool, won, found = list(entrants), dict[str, int](), list[Pick]()
    wanted: list[int | None] = [
        place for place, quantity in enumerate(quantities) for _ in range(quantity)
    ]
    for place in [*wanted, *([None] * alternates)]:
        most = wins_per_member if place is not None else 1
        while pool:
            entrant = pool.pop(dice.below(len(pool)))
            if won.get(entrant.alias, 0) < most:
                won[entrant.alias] = won.get(entrant.alias, 0) + 1
                found.append(Pick(entrant.ticket, entrant.alias, place))
                break
    return found


def spun(
    *, seed: str, terms_hash: str, nonce: int, weights: Sequence[int], blank_weight: int
) -> int | None:
    """Which prize the wheel's spin number `nonce` stops at; None: it wins nothing. Whether that
    prize is still there is another question."""
    at = Dice(seed, f"{terms_hash}:{nonce}").below(sum(weights) + blank_weight)
    for place, weight in enumerate(weights):
        if at < weight:
            return place
        at -= weight
    return None


@dataclass(frozen=True, slots=True)
class Spin:
    """A spin as published. `landed`: where the wheel stopped; `won`: what was still there."""

    nonce: int
    ticket: str
    landed: int | None
    won: int | None


@dataclass(frozen=True, slots=True)
class Proof:
    """All that is needed to recompute a draw that is over."""

    kind: str
    seed: str
    commitment: str
    terms: str  # the JSON line
    terms_hash: str
    entrants: tuple[Entrant, ...] = ()
    entrants_hash: str = ""
    winners: tuple[Pick, ...] = ()
    spins: tuple[Spin, ...] = ()


def verify(proof: Proof) -> None:
    """Recompute everything. Raises BadProof saying what does not follow."""
    if commitment(proof.seed) != proof.commitment:
        raise BadProof("種子與事先公布的雜湊不符")
    if sha256(proof.terms) != proof.terms_hash:
        raise BadProof("活動辦法與事先公布的雜湊不符")
    terms: Mapping[str, Any] = json.loads(proof.terms)
    if proof.kind == WHEEL:
        _verify_spins(proof, terms)
    else:
        _verify_winners(proof, terms)


def _verify_winners(proof: Proof, terms: Mapping[str, Any]) -> None:
    if sha256(entrants_text(proof.entrants)) != proof.entrants_hash:
        raise BadProof("參加名單與截止時公布的雜湊不符")
    expected = winners(
        seed=proof.seed,
        entrants=proof.entrants,
        quantities=[prize["quantity"] for prize in terms["prizes"]],
        wins_per_member=terms["wins_per_member"],
        alternates=terms["alternates"],
    )
    if expected != list(proof.winners):
        raise BadProof("中獎名單與重算的結果不同")


def _verify_spins(proof: Proof, terms: Mapping[str, Any]) -> None:
    left = [prize["quantity"] for prize in terms["prizes"]]
    weights = [prize["weight"] for prize in terms["prizes"]]
    for expected_nonce, spin in enumerate(proof.spins, start=1):
        if spin.nonce != expected_nonce:
            raise BadProof(f"第 {expected_nonce} 次轉動缺漏")
        landed = spun(
            seed=proof.seed,
            terms_hash=proof.terms_hash,
            nonce=spin.nonce,
            weights=weights,
            blank_weight=terms["blank_weight"],
        )
        won = landed if landed is not None and left[landed] > 0 else None
        if (landed, won) != (spin.landed, spin.won):
            raise BadProof(f"第 {spin.nonce} 次轉動與重算的結果不同")
        if won is not None:
            left[won] -= 1


# How a proof is written ---------------------------------------------------------------------------


def proof_to_json(proof: Proof) -> dict[str, Any]:
    return asdict(proof)


def proof_from_json(document: Mapping[str, Any]) -> Proof:
    """Raises BadProof for something that is no proof."""
    try:
        return Proof(
            **{
                **document,
                "entrants": tuple(Entrant(**item) for item in document["entrants"]),
                "winners": tuple(Pick(**item) for item in document["winners"]),
                "spins": tuple(Spin(**item) for item in document["spins"]),
            }
        )
    except (KeyError, TypeError) as error:
        raise BadProof(f"不是一份抽獎證明：{error}") from error
