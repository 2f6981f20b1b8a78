import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core import sealing
from app.core.sealing import SealBroken

KEY = "a long random text"


@given(plain=st.binary(max_size=100), about=st.text(max_size=20))
def test_what_was_sealed_opens_again(plain: bytes, about: str) -> None:
    assert sealing.opened(KEY, sealing.seal(KEY, plain, about=about), about=about) == plain


def test_nothing_of_the_secret_shows_and_no_two_seals_are_alike() -> None:
    sealed = {sealing.seal(KEY, b"12345678901234567890", about="me") for _ in range(5)}
    assert len(sealed) == 5
    assert {len(text) for text in sealed} == {64}  # what the column of staff holds
    assert not any("12345" in text for text in sealed)


@pytest.mark.parametrize("at", [0, 5, 20, 63])
def test_a_changed_sign_is_noticed(at: int) -> None:
    sealed = sealing.seal(KEY, b"12345678901234567890", about="me")
    other = "A" if sealed[at] != "A" else "B"
    with pytest.raises(SealBroken):
        sealing.opened(KEY, sealed[:at] + other + sealed[at + 1 :], about="me")


@pytest.mark.parametrize(
    ("key", "about", "text"),
    [("another key", "me", None), (KEY, "you", None), (KEY, "me", ""), (KEY, "me", "é"),
     (KEY, "me", "AAAA")],
)  # fmt: skip
def test_another_key_another_row_and_nonsense_open_nothing(
    key: str, about: str, text: str | None
) -> None:
    sealed = sealing.seal(KEY, b"secret", about="me") if text is None else text
    with pytest.raises(SealBroken):
        sealing.opened(key, sealed, about=about)
