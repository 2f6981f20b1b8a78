import threading
from collections import Counter
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.cards import service
from app.cards.models import CardToken
from app.cards.rules import TOKEN_LIFE
from app.cards.service import TokenDead
from app.core.db import Database
from tests.support.loyalty import new_member
from tests.support.times import NOW


def dead(session: Session, text: str, after: timedelta = timedelta()) -> str:
    with pytest.raises(TokenDead) as refused:
        service.use_token(session, text=text, purpose="redeem", now=NOW + after)
    return refused.value.reason


def test_a_code_lives_a_minute(session: Session) -> None:
    token = service.issue_token(session, member_id=new_member(session), now=NOW)
    assert token.expires_at == NOW + timedelta(seconds=60)
    last = TOKEN_LIFE - timedelta(microseconds=1)
    assert service.shown(session, text=token.text, now=NOW + last).expires_at == token.expires_at
    assert dead(session, token.text, TOKEN_LIFE) == "expired"


def test_a_code_is_used_once_and_looking_does_not_use_it(session: Session) -> None:
    member = new_member(session)
    token = service.issue_token(session, member_id=member, now=NOW)
    assert service.shown(session, text=token.text, now=NOW).member_id == member
    assert service.use_token(session, text=token.text, purpose="redeem", now=NOW) == member
    assert dead(session, token.text) == "used"


def test_an_invented_code_is_unknown(session: Session) -> None:
    assert dead(session, "RG1-NOBODY") == "unknown"


def test_the_code_itself_is_never_stored(session: Session) -> None:
    token = service.issue_token(session, member_id=new_member(session), now=NOW)
    row = session.execute(sa.select(CardToken)).scalar_one()
    assert token.text not in {row.digest, row.purpose}


def test_old_codes_are_forgotten(session: Session) -> None:
    service.issue_token(session, member_id=new_member(session), now=NOW)
    assert service.forget_expired(session, before=NOW + TOKEN_LIFE) == 0
    assert service.forget_expired(session, before=NOW + 2 * TOKEN_LIFE) == 1


def test_of_twenty_scans_at_once_one_wins(db: Database) -> None:
    with db.transaction() as session:
        member = new_member(session)
        token = service.issue_token(session, member_id=member, now=NOW)
    results: Counter[str] = Counter()
    together = threading.Barrier(20)

    def scan() -> None:
        together.wait()
        try:
            with db.transaction() as session:
                service.use_token(session, text=token.text, purpose="redeem", now=NOW)
            results["won"] += 1
        except TokenDead as error:
            results[error.reason] += 1

    threads = [threading.Thread(target=scan) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {"won": 1, "used": 19}
