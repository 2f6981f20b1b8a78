"""Never faster than LINE allows."""

from hypothesis import given
from hypothesis import strategies as st

from app.line.buckets import Bucket


def test_a_full_bucket_lets_one_second_through_at_once() -> None:
    bucket = Bucket(10, lambda: 0.0)
    assert [bucket.wait() for _ in range(10)] == [0.0] * 10
    assert bucket.wait() > 0


@given(st.lists(st.floats(0, 0.5), min_size=1, max_size=60), st.integers(1, 20))
def test_no_window_of_a_second_sees_more_than_twice_the_rate(gaps: list[float], rate: int) -> None:
    now = [0.0]
    bucket, sent = Bucket(rate, lambda: now[0]), []
    for gap in gaps:
        now[0] += gap
        sent.append(now[0] + bucket.wait())
    for moment in sent:
        # one second's worth may have been saved up, one second's worth flows in
        assert sum(moment <= other < moment + 1 for other in sent) <= 2 * rate + 1
