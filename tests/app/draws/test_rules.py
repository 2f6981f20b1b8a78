"""The arithmetic of chance: deterministic, without doubles, and fair within what chance allows."""

import hashlib
import hmac
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.errors import Invalid
from app.draws import rules
from app.draws.rules import BadProof, Dice, DrawDraft, Entrant, Pick, Prize, Proof, Spin
from tests.support.times import NOW

SEED = "5e" * 32
DRAFT = DrawDraft("summer", "夏日抽獎", NOW, NOW + timedelta(days=7), (Prize("茶杯", 2, 500),))
seeds = st.binary(min_size=32, max_size=32).map(bytes.hex)


def entrants(number: int, *, each: int = 1) -> list[Entrant]:
    """`each` entries a member."""
    return [Entrant(f"T{place:07d}", f"M{place // each:05d}") for place in range(number)]


def chosen(seed: str, listed: list[Entrant], **more: object) -> list[Pick]:
    given_ = {"quantities": [1], "wins_per_member": 1, "alternates": 0} | more
    return rules.winners(seed=seed, entrants=listed, **given_)  # type: ignore[arg-type]  # a shorthand


# Dice ---------------------------------------------------------------------------------------------


def test_the_dice_are_what_the_document_says() -> None:
    """Computed here by hand, as anybody would who distrusts us."""
    word = hmac.new(bytes.fromhex(SEED), b"list:0", hashlib.sha256).digest()[:8]
    assert Dice(SEED, "list").below(10) == int.from_bytes(word, "big") % 10
    assert rules.commitment(SEED) == hashlib.sha256(SEED.encode("ascii")).hexdigest()


def test_an_unfair_word_is_thrown_away() -> None:
    """Below 3·2⁶² a third of all words is in the incomplete part: thrown, not folded."""
    bound = 3 * 2**62
    words = []
    for count in range(40):
        message = f"x:{count}".encode()
        digest = hmac.new(bytes.fromhex(SEED), message, hashlib.sha256).digest()
        words.append(int.from_bytes(digest[:8], "big"))
    fair = [word for word in words if word < bound]
    assert len(fair) < len(words)
    dice = Dice(SEED, "x")
    assert [dice.below(bound) for _ in fair] == fair


@given(seeds, st.integers(1, 10**6))
@settings(max_examples=100)
def test_the_dice_stay_below_their_bound(seed: str, bound: int) -> None:
    dice = Dice(seed, "context")
    assert all(0 <= dice.below(bound) < bound for _ in range(5))


def chi_square(counts: list[int]) -> float:
    expected = sum(counts) / len(counts)
    return sum((count - expected) ** 2 / expected for count in counts)


def test_every_face_is_as_likely() -> None:
    """p = 0.001 for 9 degrees of freedom is 27.88; the seeds are fixed, so this never flickers."""
    counts = [0] * 10
    for number in range(20_000):
        counts[Dice(hashlib.sha256(str(number).encode()).hexdigest(), "fair").below(10)] += 1
    assert chi_square(counts) < 27.88


def test_every_entry_is_as_likely_to_win_first_and_last() -> None:
    """Over 4,000 seeds, 20 entries, 3 prizes. 19 degrees of freedom: 43.82."""
    listed = entrants(20)
    first, any_of_them = [0] * 20, [0] * 20
    place = {entrant.ticket: index for index, entrant in enumerate(listed)}
    for number in range(4_000):
        seed = hashlib.sha256(f"draw {number}".encode()).hexdigest()
        picks = chosen(seed, listed, quantities=[1, 2])
        first[place[picks[0].ticket]] += 1
        for pick in picks:
            any_of_them[place[pick.ticket]] += 1
    assert chi_square(first) < 43.82
    assert chi_square(any_of_them) < 43.82


def test_the_wheel_stops_as_often_as_it_weighs() -> None:
    """Weights 1 : 2 : 7 in 20,000 spins. Two degrees of freedom: 13.82."""
    counts = {0: 0, 1: 0, None: 0}
    for nonce in range(1, 20_001):
        landed = rules.spun(
            seed=SEED, terms_hash="a" * 64, nonce=nonce, weights=[1, 2], blank_weight=7
        )
        counts[landed] += 1
    expected = {0: 2_000, 1: 4_000, None: 14_000}
    assert sum((counts[key] - n) ** 2 / n for key, n in expected.items()) < 13.82


# Winners ------------------------------------------------------------------------------------------


@given(seeds, st.integers(0, 60), st.integers(1, 4), st.integers(1, 3),
       st.lists(st.integers(1, 5), min_size=1, max_size=4), st.integers(0, 4))  # fmt: skip
@settings(max_examples=150)
def test_whatever_the_seed_nobody_wins_too_often_and_no_ticket_twice(
    seed: str, number: int, each: int, most: int, quantities: list[int], alternates: int
) -> None:
    listed = entrants(number, each=each)
    given_ = {"quantities": quantities, "wins_per_member": most, "alternates": alternates}
    picks = chosen(seed, listed, **given_)
    assert picks == chosen(seed, listed, **given_)  # the same every time
    tickets = [pick.ticket for pick in picks]
    assert len(tickets) == len(set(tickets))
    assert set(tickets) <= {entrant.ticket for entrant in listed}
    won = [pick for pick in picks if pick.prize is not None]
    for place, quantity in enumerate(quantities):
        assert sum(pick.prize == place for pick in won) <= quantity
    for alias in {pick.alias for pick in won}:
        assert sum(pick.alias == alias for pick in won) <= most
    members = {entrant.alias for entrant in listed}
    room = sum(min(most, sum(e.alias == alias for e in listed)) for alias in members)
    assert len(won) == min(sum(quantities), room)
    spare = [pick.alias for pick in picks if pick.prize is None]
    assert len(spare) <= alternates
    assert len(set(spare)) == len(spare)
    assert not set(spare) & {pick.alias for pick in won}


def test_a_changed_list_changes_the_context_of_every_pick() -> None:
    listed = entrants(1_000)
    others = [*listed[:-1], Entrant("T9999999", "M99999")]
    assert chosen(SEED, listed, quantities=[5]) != chosen(SEED, others, quantities=[5])


def strangers_winners(seed: str, listed: list[Entrant], number: int, most: int) -> list[str]:
    """The tickets in order, programmed anew from docs/fair-draws.md alone."""
    text = "".join(f"{n + 1},{e.ticket},{e.alias}\n" for n, e in enumerate(listed))
    context, key, n = hashlib.sha256(text.encode()).hexdigest(), bytes.fromhex(seed), 0
    left, won, found = list(listed), list[str](), list[str]()
    for _ in range(number):
        while left:
            whole = 2**64 // len(left) * len(left)
            while True:
                digest = hmac.new(key, f"{context}:{n}".encode(), hashlib.sha256).digest()
                drawn, n = int.from_bytes(digest[:8], "big"), n + 1
                if drawn < whole:
                    break
            entrant = left.pop(drawn % len(left))
            if won.count(entrant.alias) < most:
                won.append(entrant.alias)
                found.append(entrant.ticket)
                break
    return found


@given(seeds, st.integers(0, 40), st.integers(1, 3), st.integers(1, 2))
@settings(max_examples=60)
def test_a_stranger_computes_the_same_winners(seed: str, number: int, each: int, most: int) -> None:
    listed = entrants(number, each=each)
    picks = chosen(seed, listed, quantities=[1, 3], wins_per_member=most)
    assert [pick.ticket for pick in picks] == strangers_winners(seed, listed, 4, most)


def test_this_seed_and_list_give_these_winners_for_ever() -> None:
    """A known answer: other versions of the program must agree with draws of the past."""
    picks = chosen(SEED, entrants(10, each=2), quantities=[1, 2], alternates=1)
    assert [(pick.ticket, pick.prize) for pick in picks] == KNOWN


KNOWN = [("T0000002", 0), ("T0000001", 1), ("T0000005", 1), ("T0000009", None)]


# Proofs -------------------------------------------------------------------------------------------


def proof_of_draw() -> Proof:
    terms = rules.terms_text(replace(DRAFT, alternates=1))
    listed = entrants(30)
    return Proof(
        kind="draw",
        seed=SEED,
        commitment=rules.commitment(SEED),
        terms=terms,
        terms_hash=rules.sha256(terms),
        entrants=tuple(listed),
        entrants_hash=rules.sha256(rules.entrants_text(listed)),
        winners=tuple(chosen(SEED, listed, quantities=[2], alternates=1)),
    )


def proof_of_wheel() -> Proof:
    wheel = replace(DRAFT, kind="wheel", prizes=(Prize("茶杯", 2, weight=3),), blank_weight=1)
    terms = rules.terms_text(wheel)
    left, spins = 2, []
    for nonce in range(1, 9):
        landed = rules.spun(
            seed=SEED, terms_hash=rules.sha256(terms), nonce=nonce, weights=[3], blank_weight=1
        )
        won = landed if left else None
        left -= won is not None
        spins.append(Spin(nonce, f"T{nonce}", landed, won))
    return Proof("wheel", SEED, rules.commitment(SEED), terms, rules.sha256(terms),
                 spins=tuple(spins))  # fmt: skip


@pytest.mark.parametrize("proof", [proof_of_draw(), proof_of_wheel()])
def test_a_true_proof_adds_up_also_when_read_back(proof: Proof) -> None:
    rules.verify(proof)
    rules.verify(rules.proof_from_json(rules.proof_to_json(proof)))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"seed": "ab" * 32}, "種子"),
        ({"commitment": "0" * 64}, "種子"),
        ({"terms": "{}"}, "活動辦法"),
        ({"entrants": proof_of_draw().entrants[1:]}, "名單"),
        ({"entrants": (*proof_of_draw().entrants, Entrant("late", "late"))}, "名單"),
        ({"winners": proof_of_draw().winners[::-1]}, "中獎名單"),
        ({"winners": proof_of_draw().winners[:1]}, "中獎名單"),
    ],
)
def test_a_draw_that_was_tampered_with_is_found_out(change: dict[str, object], says: str) -> None:
    with pytest.raises(BadProof, match=says):
        rules.verify(replace(proof_of_draw(), **change))  # type: ignore[arg-type]  # fields by name


def test_a_wheel_that_was_tampered_with_is_found_out() -> None:
    proof = proof_of_wheel()
    blank = next(spin for spin in proof.spins if spin.won is None)
    lied = tuple(replace(spin, won=0, landed=0) if spin == blank else spin for spin in proof.spins)
    for spins in (lied, proof.spins[1:], proof.spins[::-1]):
        with pytest.raises(BadProof, match="次轉動"):
            rules.verify(replace(proof, spins=spins))


@pytest.mark.parametrize("document", [{}, {"kind": "draw"}, {"entrants": 3}])
def test_what_is_no_proof_says_so(document: dict[str, object]) -> None:
    with pytest.raises(BadProof, match="不是一份"):
        rules.proof_from_json(document)


# The law ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "needs_identity", "resident", "foreign"),
    [
        (1_000, False, 0, 200),
        (1_001, True, 0, 200),
        (20_000, True, 0, 4_000),
        (20_001, True, 2_000, 4_000),
        (36_900, True, 3_690, 7_380),
        (5_000_000, True, 500_000, 1_000_000),
    ],
)
def test_what_a_prize_costs_its_winner(
    value: int, needs_identity: bool, resident: int, foreign: int
) -> None:
    assert rules.tax(value) == rules.Tax(needs_identity, resident)
    assert rules.tax(value, is_resident=False).withheld == foreign
    note = rules.tax_note(value)
    assert ("身分證明" in note) == needs_identity
    assert ("10%" in note) == bool(resident)


@pytest.mark.parametrize(
    ("sales", "limit"),
    [
        (0, 150_000_000),
        (749_999_999, 150_000_000),
        (750_000_000, 150_000_000),
        (2_000_000_000, 400_000_000),
        (2_999_999_999, 599_999_999),
        (3_000_000_000, 600_000_000),
    ],
)
def test_what_prizes_of_a_year_may_be_worth(sales: int, limit: int) -> None:
    assert rules.yearly_limit(sales) == limit


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"code": ""}, "code"),
        ({"name": "長" * 61}, "name"),
        ({"kind": "raffle"}, "kind"),
        ({"ends_at": NOW}, "ends_at"),
        ({"draw_at": NOW}, "draw_at"),
        ({"prizes": ()}, "prizes"),
        ({"cost": -1}, "cost"),
        ({"per_day": 0}, "per_day"),
        ({"wins_per_member": 0}, "wins_per_member"),
        ({"prizes": (Prize("車", 1, 5_000_001),)}, r"prizes\[0\].value"),
        ({"prizes": (Prize("茶", 1), Prize("杯", 0))}, r"prizes\[1\].quantity"),
        ({"kind": "wheel"}, r"prizes\[0\].weight"),
    ],
)
def test_what_cannot_be_promised_names_its_field(change: dict[str, object], field: str) -> None:
    with pytest.raises(Invalid, match=field):
        rules.check_draft(replace(DRAFT, **change))  # type: ignore[arg-type]  # fields by name


def test_adults_are_eighteen() -> None:
    assert rules.is_adult(date(2008, 7, 4), date(2026, 7, 4))
    assert not rules.is_adult(date(2008, 7, 5), date(2026, 7, 4))
    assert not rules.is_adult(None, date(2026, 7, 4))
