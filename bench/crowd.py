"""A brand with so many members, made by a few set-based statements: each has points, a tier and a
dozen days of purchases."""

import sqlalchemy as sa

from app.core import migrate
from app.core.db import Database
from bench.databases import tidied
from tests.support.loyalty import publish

DAYS = 12
JOINED = "'2026-01-01 00:00:00.000000'"
_SERIES = {
    True: "WITH RECURSIVE series(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM series WHERE n < {0})",
    False: "WITH series(n) AS (SELECT generate_series(1, {0}))",
}
_DAYS = ", ".join(f"({day})" for day in range(1, DAYS + 1))


def line_user_id(number: int) -> str:
    return f"U{number:032x}"


def fill(url: str, members: int) -> None:
    """Migrate, publish the programme, add `members` members: a million takes a minute or two."""
    db = Database(url)
    migrate.upgrade(db)
    with db.transaction() as session:
        version = publish(session)
        if not db.is_sqlite:
            session.execute(sa.text("SET LOCAL synchronous_commit = off"))
        for table, columns, select in _rows(db.is_sqlite, version):
            series = _SERIES[db.is_sqlite].format(members)
            given = f"{series}, days(d) AS (VALUES {_DAYS}) {select}"
            session.execute(sa.text(f"INSERT INTO {table} ({columns}) {given}"))
        if not db.is_sqlite:
            session.execute(
                sa.text("SELECT setval(pg_get_serial_sequence('members', 'id'), :n)"),
                {"n": members},
            )
    db.dispose()
    tidied(url)


def _rows(is_sqlite: bool, version: int) -> list[tuple[str, str, str]]:
    """(table, columns, SELECT from series and days)."""
    user = "'U' || printf('%032x', n)" if is_sqlite else "'U' || lpad(to_hex(n), 32, '0')"
    number = "printf('%010d', n)" if is_sqlite else "lpad(n::text, 10, '0')"
    ago = "date('now', '-' || (d * 27) || ' days')" if is_sqlite else "current_date - d * 27"
    return [
        (
            "members",
            "id, number, status, line_user_id, is_friend, name, joined_at, birth_month, birth_day, "
            "birthday_edits, marketing_ok, is_test, created_at",
            f"SELECT n, {number}, 'member', {user}, true, '王小明', {JOINED}, 1 + n % 12, "
            f"1 + n % 28, 0, true, false, {JOINED} FROM series",
        ),
        (
            "point_accounts",
            "member_id, balance, pending, debt, next_expiry_points, changed_at",
            f"SELECT n, n % 500, 0, 0, 0, {JOINED} FROM series",
        ),
        (
            "tier_periods",
            "member_id, tier_code, starts_at, reason, programme_version, qualifying, actor, note, "
            "created_at",
            f"SELECT n, 'basic', {JOINED}, 'join', {version}, 0, 'system', '', {JOINED} "
            "FROM series",
        ),
        (
            "purchase_days",
            "member_id, day, count, net, qualifying",
            f"SELECT n, {ago}, 1, 300, 300 FROM series CROSS JOIN days",
        ),
        (
            "purchase_totals",
            "member_id, first_day, last_day, days, count, net",
            "SELECT member_id, min(day), max(day), count(*), sum(count), sum(net) "
            "FROM purchase_days GROUP BY member_id",
        ),
    ]


def duckdb_statements(members: int) -> list[str]:
    """The same crowd in DuckDB, as far as segments read it."""
    ago = "CAST(current_date - CAST(d * 27 AS INTEGER) AS DATE)"
    series = f"range(1, {members} + 1) AS series(n)"
    return [
        f"""CREATE TABLE members AS SELECT n AS id, 'member' AS status, false AS is_test,
            CAST({JOINED} AS TIMESTAMP) AS joined_at, 1 + n % 12 AS birth_month FROM {series}""",
        f"""CREATE TABLE point_accounts AS SELECT n AS member_id, n % 500 AS balance
            FROM {series}""",
        f"""CREATE TABLE tier_periods AS SELECT n AS member_id, 'basic' AS tier_code,
            CAST(NULL AS TIMESTAMP) AS ends_at, CAST(NULL AS TIMESTAMP) AS closed_at
            FROM {series}""",
        f"""CREATE TABLE purchase_days AS SELECT n AS member_id, {ago} AS day, 1 AS count,
            300 AS net FROM {series} CROSS JOIN range(1, {DAYS} + 1) AS days(d)""",
        """CREATE TABLE purchase_totals AS SELECT member_id, min(day) AS first_day,
            max(day) AS last_day, count(*) AS days, sum(count) AS count, sum(net) AS net
            FROM purchase_days GROUP BY member_id""",
        "CREATE TABLE marketing_days (member_id BIGINT, day DATE)",
        """CREATE TABLE point_lots (member_id BIGINT, remaining INTEGER, is_active BOOLEAN,
            expires_at TIMESTAMP)""",
    ]
