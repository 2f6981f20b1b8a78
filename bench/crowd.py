"""A brand with so many members, made by a few set-based statements: each has points, a tier and a
dozen days of purchases."""

import sqlalchemy as sa

from app.core import migrate
from app.core.db import Database
from tests.support.loyalty import publish

DAYS = 12


def line_user_id(number: int) -> str:
    return f"U{number:032x}"


def fill(url: str, members: int) -> None:
    """Migrate, publish the programme, add `members` members."""
    db = Database(url)
    migrate.upgrade(db)
    series = (
        "WITH RECURSIVE series(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM series WHERE n < {0})"
        if db.is_sqlite
        else "WITH series AS (SELECT generate_series(1, {0}) AS n)"
    )
    user = "'U' || printf('%032x', n)" if db.is_sqlite else "'U' || lpad(to_hex(n), 32, '0')"
    number = "printf('%010d', n)" if db.is_sqlite else "lpad(n::text, 10, '0')"
    day = (
        "date('now', '-' || (d * 27) || ' days')"
        if db.is_sqlite
        else "current_date - (d * 27)::int"
    )
    with db.transaction() as session:
        version = publish(session)
        now = "'2026-01-01 00:00:00.000000'"
        for statement in (
            f"""INSERT INTO members (id, number, status, line_user_id, is_friend, name, joined_at,
                  birth_month, birth_day, birthday_edits, marketing_ok, is_test, created_at)
                SELECT n, {number}, 'member', {user}, true, '王小明', {now}, 1 + n % 12, 1 + n % 28,
                  0, true, false, {now} FROM series""",
            f"""INSERT INTO point_accounts (member_id, balance, pending, debt, next_expiry_points,
                  changed_at) SELECT n, n % 500, 0, 0, 0, {now} FROM series""",
            f"""INSERT INTO tier_periods (member_id, tier_code, starts_at, reason,
                  programme_version, qualifying, actor, note, created_at)
                SELECT n, 'basic', {now}, 'join', {version}, 0, 'system', '', {now} FROM series""",
            f"""INSERT INTO purchase_days (member_id, day, count, net, qualifying)
                SELECT n, {day}, 1, 300, 300 FROM series,
                  (SELECT n AS d FROM series WHERE n <= {DAYS}) AS days""",
        ):
            head, _, body = statement.partition("SELECT")
            sql = (
                f"{series.format(members)} {statement}"
                if not db.is_sqlite
                else f"{head} {series.format(members)} SELECT{body}"
            )
            session.execute(sa.text(sql))
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE")
    db.dispose()
