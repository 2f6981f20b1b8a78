"""The command line as a shop's developer meets it."""

import json
from pathlib import Path

import pytest
import sqlalchemy as sa

from app import cli
from app.core import config, migrate, totp
from app.core.db import Database
from app.core.text import make_member_number
from app.draws import queries as draw_queries
from app.draws import service as draws
from app.draws.rules import proof_to_json
from app.members.models import Member
from app.referrals.queries import is_staff
from app.staff import queries as staff_queries
from app.staff import service as staff
from app.staff.models import Staff
from app.staff.rules import is_password
from flex_templates.theme import CAMPHOR
from tests.support.loyalty import new_member
from tests.support.times import NOW

PASSWORD = "a long enough password"


@pytest.fixture
def regulars(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> "Regulars":
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path / 'shop.db'}")
    return Regulars(tmp_path, monkeypatch, capsys)


class Regulars:
    """`regulars …` in a folder of its own."""

    def __init__(
        self,
        folder: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        self.folder, self._monkeypatch, self._capsys = folder, monkeypatch, capsys

    def set(self, **settings: str) -> None:
        for name, value in settings.items():
            self._monkeypatch.setenv(name, value)

    def __call__(self, line: str, *more: str) -> tuple[int, str]:
        """Exit code and all that was printed."""
        config.settings.cache_clear()
        with pytest.raises(SystemExit) as ended:
            cli.main([*line.split(), *more])
        said = self._capsys.readouterr()
        assert "Traceback" not in said.out + said.err
        return int(str(ended.value.code or 0)), said.out + said.err

    def staff(self) -> dict[str, tuple[str, int | None]]:
        db = Database(f"sqlite:///{self.folder / 'shop.db'}")
        with db.reading() as session:
            rows = session.execute(sa.select(Staff.login, Staff.role, Staff.store_id)).all()
        db.dispose()
        return {row.login: (row.role, row.store_id) for row in rows}


def create(regulars: Regulars, **other: str) -> tuple[int, str]:
    given = {"login": "aoi", "name": "Aoi", "role": "clerk", "password": PASSWORD} | other
    return regulars("staff create", *(f"--{key}={value}" for key, value in given.items()))


def test_a_shop_is_set_up_with_stores_and_people(regulars: Regulars) -> None:
    assert regulars("store create --code TPE01 --name 永康店 --city 臺北市")[0] == 0
    assert create(regulars, store="TPE01")[0] == 0
    assert create(regulars, login="yui", role="owner")[0] == 0
    assert regulars.staff() == {"aoi": ("clerk", 1), "yui": ("owner", None)}
    _, listed = regulars("staff list")
    assert "aoi" in listed
    assert "永康店" in listed
    assert "TPE01" in regulars("store list")[1]


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"role": "king"}, "沒有這個角色"),
        ({"password": "short"}, "密碼要 10 到 200 個字元"),
        ({"login": "a b"}, "帳號要 2 到 50 個字元"),
        ({"name": " "}, "姓名"),
        ({"store": "NOWHERE"}, "找不到代碼是 NOWHERE 的門市"),
    ],
)
def test_what_cannot_be_is_said_in_one_sentence(
    regulars: Regulars, other: dict[str, str], words: str
) -> None:
    code, said = create(regulars, **other)
    assert code == 2
    assert words in said
    assert len(said.splitlines()) == 1
    assert regulars.staff() == {}


def test_a_taken_login_and_a_taken_store_code_are_refused(regulars: Regulars) -> None:
    create(regulars)
    code, said = create(regulars, login="AOI")
    assert (code, "帳號 aoi 已經有人使用" in said) == (2, True)
    regulars("store create --code TPE01 --name 永康店")
    code, said = regulars("store create --code TPE01 --name 駁二店")
    assert (code, "TPE01 已經有人使用" in said) == (2, True)


def test_a_forgotten_password_is_set_anew_and_who_left_is_kept_out(regulars: Regulars) -> None:
    create(regulars)
    assert regulars("staff password --login aoi --password", "another long password")[0] == 0
    db = Database(f"sqlite:///{regulars.folder / 'shop.db'}")
    with db.reading() as session:
        kept = session.scalar(sa.select(Staff.password_hash))
    assert is_password("another long password", kept)
    assert regulars("staff deactivate --login aoi")[0] == 0
    with db.reading() as session:
        assert session.scalars(sa.select(Staff.is_active)).all() == [False]
    db.dispose()
    assert "找不到帳號 nobody" in regulars("staff deactivate --login nobody")[1]


def test_who_lost_phone_and_paper_is_let_in_by_the_password_again(regulars: Regulars) -> None:
    create(regulars, login="wang", role="owner")
    assert "找不到已開啟的兩步驟驗證" in regulars("staff reset-code --login wang")[1]
    db = Database(config.settings().database_url)
    with db.transaction() as session:
        staff.offer_factor(session, staff_id=1, key="key", now=NOW)
        secret = staff.offered_secret(session, staff_id=1, key="key", now=NOW)
        assert secret is not None
        code = totp.code(secret, totp.step_at(NOW))
        staff.confirm_factor(session, staff_id=1, typed=code, key="key", now=NOW)
    assert regulars("staff reset-code --login wang")[0] == 0
    with db.reading() as session:
        assert not staff_queries.person_kept(session, 1, now=NOW).has_factor
        (done,) = staff_queries.audit_entries(session)
    db.dispose()
    assert (done.staff_id, done.action, done.object) == (None, "staff.second_off", "staff:1")


def test_the_last_owner_is_not_let_go(regulars: Regulars) -> None:
    create(regulars, login="wang", role="owner")
    status, said = regulars("staff deactivate --login wang")
    assert status == 2
    assert "最後一位負責人" in said


def test_staff_have_a_membership_of_their_own(regulars: Regulars) -> None:
    create(regulars)
    db = Database(f"sqlite:///{regulars.folder / 'shop.db'}")
    with db.transaction() as session:
        number = make_member_number("123456789")
        member_id = new_member(session)
        session.execute(sa.update(Member).where(Member.id == member_id).values(number=number))
    assert regulars(f"staff link --login aoi --member {number}")[0] == 0
    with db.reading() as session:
        assert is_staff(session, member_id)
    db.dispose()
    code, said = regulars(f"staff link --login aoi --member {make_member_number('999999999')}")
    assert (code, "找不到" in said) == (2, True)
    assert regulars("staff link --login aoi --member 12")[0] == 2


def test_a_draw_is_created_and_verified_without_a_database(regulars: Regulars) -> None:
    (regulars.folder / "draw.yaml").write_text(
        "code: tea\nname: 茶\nstarts_at: 2020-01-01\nends_at: 2020-02-01\n"
        "prizes: [{name: 茶杯, quantity: 1}]\n",
        "utf-8",
    )
    assert "/draws/tea" in regulars("draw create draw.yaml")[1]
    assert regulars("draw create draw.yaml")[0] == 2
    assert "tea  茶  open" in regulars("draw list")[1]
    assert "還沒有開獎" in regulars("draw verify tea")[1]
    db = Database(f"sqlite:///{regulars.folder / 'shop.db'}")
    with db.transaction() as session:
        assert draws.freeze_due(session, now=NOW) == 1
        assert draws.decide_due(session, theme=CAMPHOR, now=NOW) == 1
        proof = draw_queries.proof(session, 1)
    db.dispose()
    assert proof is not None
    assert "相符" in regulars("draw verify tea")[1]
    file = regulars.folder / "proof.json"
    file.write_text(json.dumps(proof_to_json(proof)), "utf-8")
    assert regulars(f"draw verify {file}")[0] == 0
    file.write_text(json.dumps(proof_to_json(proof) | {"seed": "00" * 32}), "utf-8")
    code, said = regulars(f"draw verify {file}")
    assert (code, "種子" in said) == (2, True)
    file.write_text("nonsense", "utf-8")
    assert "不是 JSON" in regulars(f"draw verify {file}")[1]


def test_a_token_is_made_listed_and_revoked(regulars: Regulars) -> None:
    code, said = regulars("token create --name till --role king")
    assert (code, "沒有這個角色" in said) == (2, True)
    _, token = regulars("token create --name till")
    assert token.startswith("rg_")
    _, listed = regulars("token list")
    assert token[:9] in listed
    assert token.strip() not in listed
    assert regulars("token revoke 1")[0] == 0
    assert "已停用" in regulars("token list")[1]
    code, said = regulars("token revoke 1")
    assert (code, "找不到" in said) == (2, True)


def test_a_file_of_sales_is_tried_and_recorded(regulars: Regulars) -> None:
    regulars.set(REGULARS_CLOCK="2026-07-04T09:00:00+08:00")
    regulars("store create --code TPE01 --name 永康店")
    (regulars.folder / "program.yaml").write_text(regulars("program export --starter")[1], "utf-8")
    regulars("program apply program.yaml")
    regulars.set(REGULARS_CLOCK="2026-07-05T09:00:00+08:00")
    file = regulars.folder / "sales.csv"
    file.write_text("日子,總計\n2026/07/04,500\n2026/07/04,x\n2026/07/01,1\n", "utf-8")
    assert "請選擇哪一欄是日期" in regulars("import sales sales.csv")[1]
    assert "沒有「日」這一欄" in regulars("import sales sales.csv --column sold_at=日")[1]
    assert "NOWHERE" in regulars("import sales sales.csv --store NOWHERE")[1]
    assert regulars("import sales none.csv")[0] == 2
    order = "import sales sales.csv --store TPE01 --column sold_at=日子 --refused bad.csv"
    code, said = regulars(f"{order} --dry-run")
    assert (code, "可以寫入 1 筆" in said) == (1, True)
    code, said = regulars(order)
    assert (code, "已寫入 1 筆，合計 NT$500" in said) == (1, True)
    assert "第 4 列：2026/07/01 還沒有會員制度" in said
    assert (regulars.folder / "bad.csv").read_text("utf-8").count("2026/07/0") == 3
    file.write_text("日子,總計\n2026/07/04,500\n", "utf-8")
    code, said = regulars(order)
    assert (code, "重複 1 筆" in said) == (0, True)


def test_a_new_shop_gets_its_programme_from_the_starter(regulars: Regulars) -> None:
    code, said = regulars("program export")
    assert (code, "--starter" in said) == (2, True)
    file = regulars.folder / "program.yaml"
    file.write_text(regulars("program export --starter")[1], "utf-8")
    assert regulars("program check program.yaml")[0] == 0
    assert "第 1 版" in regulars("program apply program.yaml")[1]
    assert "優惠券不存在" not in regulars("doctor")[1]
    assert regulars("program export")[1] == file.read_text("utf-8")
    assert "沒有變更" in regulars("program apply program.yaml")[1]


def test_a_change_is_said_before_it_is_made_and_can_be_taken_back(regulars: Regulars) -> None:
    file = regulars.folder / "program.yaml"
    first = regulars("program export --starter")[1]
    file.write_text(first, "utf-8")
    regulars("program apply program.yaml")
    file.write_text(first.replace("threshold: 5000", "threshold: 4000"), "utf-8")
    for call in ("program diff program.yaml", "program apply --dry-run program.yaml"):
        assert "等級「銀卡」 升等門檻：NT$5,000 → NT$4,000" in regulars(call)[1]
    assert regulars("program export")[1] == first
    assert "第 2 版" in regulars("program apply program.yaml")[1]
    file.write_text(regulars("program export --version 1")[1], "utf-8")
    assert "第 3 版" in regulars("program apply program.yaml")[1]
    assert regulars("program export")[1] == first


def test_a_contradiction_is_named_with_its_line(regulars: Regulars) -> None:
    (regulars.folder / "program.yaml").write_text("tiers:\n  - code: a\n    colr: red\n", "utf-8")
    code, said = regulars("program apply program.yaml")
    assert (code, "第 3 行 tiers[0].colr" in said) == (2, True)


def test_serving_without_settings_names_them(regulars: Regulars) -> None:
    for name in ("LINE_CHANNEL_SECRET", "LINE_CHANNEL_ACCESS_TOKEN", "SECRET_KEY"):
        regulars.set(**{name: ""})
    code, said = regulars("serve")
    assert code == 2
    assert "無法啟動：缺少設定 LINE_CHANNEL_SECRET、LINE_CHANNEL_ACCESS_TOKEN、SECRET_KEY" in said


COMPLETE = {"LINE_CHANNEL_SECRET": "a", "LINE_CHANNEL_ACCESS_TOKEN": "b", "SECRET_KEY": "c"}


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"DATABASE_URL": "nonsense"}, "DATABASE_URL"),
        ({"DATABASE_URL": "oracle://x"}, "DATABASE_URL"),
        ({"DATABASE_URL": "postgresql+psycopg://u:secret@127.0.0.1:1/x"}, "連不上資料庫"),
        ({"REGULARS_CLOCK": "yesterday"}, "REGULARS_CLOCK"),
    ],
)
def test_serving_with_a_wrong_setting_names_it(
    regulars: Regulars, other: dict[str, str], words: str
) -> None:
    regulars.set(**COMPLETE, **other)
    code, said = regulars("serve")
    assert code == 2
    assert words in said
    assert "secret" not in said


def test_the_doctor_looks_without_making_a_database(regulars: Regulars) -> None:
    code, said = regulars("doctor")
    assert code == 1
    assert "還沒有資料庫" in said
    assert list(regulars.folder.iterdir()) == []


@pytest.mark.parametrize(
    "other", [{"DATABASE_URL": "nonsense"}, {"REGULARS_CLOCK": "yesterday"}], ids=str
)
def test_the_doctor_survives_what_it_finds(regulars: Regulars, other: dict[str, str]) -> None:
    regulars.set(**COMPLETE, **other)
    code, said = regulars("doctor")
    assert code == 1
    assert next(iter(other)) in said


def test_the_doctor_says_what_to_do_about_an_older_database(regulars: Regulars) -> None:
    regulars.set(**COMPLETE)
    db = Database(f"sqlite:///{regulars.folder / 'shop.db'}")
    migrate.upgrade(db)
    with db.transaction() as session:
        session.execute(sa.text("UPDATE alembic_version SET version_num = 'older'"))
    db.dispose()
    assert "regulars migrate" in regulars("doctor")[1]


def test_publishing_menus_without_line_says_why(regulars: Regulars) -> None:
    regulars.set(**COMPLETE, LINE_API_BASE="http://127.0.0.1:9")
    code, said = regulars("richmenu publish")
    assert code == 2
    assert "連不上 LINE" in said
