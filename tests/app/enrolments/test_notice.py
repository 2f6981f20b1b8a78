import re

from app.enrolments import notice as notices
from app.enrolments.notice import notice


def test_the_notice_has_the_six_items_of_article_8_in_the_brands_name() -> None:
    text = notice("小日子選物")
    assert [heading for heading, _ in text.items] == list(notices.HEADINGS)
    assert len(text.items) == 6
    assert text.collector.startswith("小日子選物")
    assert all(words.strip() for _, words in text.items)


def test_the_version_names_the_exact_text() -> None:
    assert notice("甲").version == notice("甲").version
    assert notice("甲").version != notice("乙").version
    assert re.fullmatch(r"[0-9]{4}-[0-9]{2}\.[0-9a-f]{12}", notice("甲").version)


def test_a_brands_name_may_hold_anything() -> None:
    assert notice("{brand} {0} & <Co>").collector.startswith("{brand} {0} & <Co>")


def test_no_placeholder_is_left() -> None:
    for _, words in notice("甲").items:
        assert "{" not in words
