"""What a clerk is told about how somebody buys: kind words, never a score, an amount or a label."""

from typing import Final

from app.scores import rules
from app.scores.queries import ScoreShown

_BACK: Final = "好一陣子沒來了，跟他說聲歡迎回來"
_FOR_CLERKS: Final = {
    "champions": "常來的老朋友，謝謝他一直支持",
    "loyal": "熟客，謝謝他常常來",
    "potential": "越來越常來了，可以介紹新品",
    "new": "剛認識我們不久，多介紹一點",
    "promising": "剛認識我們不久，多介紹一點",
}


def for_clerk(score: ScoreShown | None) -> str:
    """Nothing where there is nothing kind to say."""
    if score is None:
        return ""
    if score.nes in (rules.S2, rules.S3):
        return _BACK
    return _FOR_CLERKS.get(score.rfm, "")
