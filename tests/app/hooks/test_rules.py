"""Addresses that lead outside, signatures that a library would accept, waits within a day."""

import base64
import hmac
import json
from datetime import timedelta
from hashlib import sha256
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.errors import Invalid
from app.hooks import rules
from app.hooks.rules import HookDraft
from tests.support.times import NOW

SECRET = rules.new_secret(bytes(range(32)))


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.0.0.8", "172.16.3.4", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "0.0.0.0", "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fe80::1%eth0",
        "fc00::5", "fec0::1", "feff::1", "64:ff9b:1::7f00:1", "64:ff9b:1:ffff::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "ff02::1",
    ],
)  # fmt: skip
def test_addresses_of_our_own_network_are_unsafe(address: str) -> None:
    assert rules.is_unsafe(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "203.69.66.102", "2606:4700:4700::1111"])
def test_addresses_of_the_world_are_safe(address: str) -> None:
    assert not rules.is_unsafe(address)


@given(st.ip_addresses(v=4))
def test_wrapping_an_address_does_not_make_it_safer(inner: IPv4Address) -> None:
    for wrapped in (
        IPv6Address((0xFFFF << 32) | int(inner)),
        IPv6Address((0x0064FF9B << 96) | int(inner)),
    ):
        assert rules.is_unsafe(str(wrapped)) == rules.is_unsafe(str(inner))


@pytest.mark.parametrize(
    "url",
    [
        "", "shop.example.tw", "http://shop.example.tw/", "ftp://shop.example.tw", "https://",
        "https://localhost/x", "https://crm.internal/x", "https://127.0.0.1/x", "https://[::1]/x",
        "https://user:secret@shop.example.tw/", "https://shop.example.tw/#x", "https://a b.tw/",
        "https://shop.example.tw:99999/", "https://shop.example.tw:0/", "https://店.tw/",
        "https://shop.example.tw/" + "x" * 500, "https://shop.example.tw/\x00", "https://[::1",
    ],
)  # fmt: skip
def test_an_address_that_cannot_be_is_refused_with_its_field(url: str) -> None:
    with pytest.raises(Invalid) as refused:
        rules.checked(HookDraft("ERP", url, ("purchase.recorded",)), allows_private=False)
    assert refused.value.field == "url"


def test_a_good_address_is_kept_as_it_was_typed() -> None:
    draft = HookDraft(" ERP ", " https://shop.example.tw:8443/in?x=1 ", ("tier.upgraded",), True)
    kept = rules.checked(draft, allows_private=False)
    assert kept == HookDraft("ERP", "https://shop.example.tw:8443/in?x=1", draft.kinds, True)


def test_for_tests_and_the_demo_an_inner_address_may_be_allowed() -> None:
    draft = HookDraft("x", "http://127.0.0.1:9/", ("member.joined",))
    assert rules.checked(draft, allows_private=True) == draft


def test_the_signature_is_that_of_standard_webhooks() -> None:
    """As a receiver computes it, written out here from the specification."""
    sent = rules.headers([SECRET], "evt_1", NOW, '{"a":1}')
    content = f"evt_1.{sent['webhook-timestamp']}." + '{"a":1}'
    key = base64.b64decode(SECRET.split("_")[1])
    expected = base64.b64encode(hmac.new(key, content.encode(), sha256).digest()).decode()
    assert sent["webhook-signature"] == f"v1,{expected}"
    assert sent["webhook-id"] == "evt_1"


def test_while_a_secret_is_changed_both_sign() -> None:
    other = rules.new_secret(bytes(32))
    both = rules.headers([other, SECRET], "e", NOW, "{}")["webhook-signature"].split()
    assert both == [
        rules.headers([one], "e", NOW, "{}")["webhook-signature"] for one in (other, SECRET)
    ]


@settings(max_examples=30)
@given(st.text(min_size=1, max_size=60))
def test_waits_grow_and_end_within_a_day(event_id: str) -> None:
    at, waited = NOW, []
    for failures in range(1, len(rules.WAITS) + 1):
        again = rules.try_again_at(event_id, failures, now=at)
        assert again is not None
        waited.append(again - at)
        at = again
    assert rules.try_again_at(event_id, len(rules.WAITS) + 1, now=at) is None
    assert waited == sorted(waited)
    assert timedelta(hours=20) < at - NOW < timedelta(hours=24)


def test_what_failed_together_does_not_come_back_together() -> None:
    times = {rules.try_again_at(f"evt_{n}", 3, now=NOW) for n in range(20)}
    assert len(times) == 20


def test_free_text_and_unknown_facts_stay_in_the_house() -> None:
    facts = {"points": 5, "reason": "王小明說少給了", "actor": "staff:3"}
    assert rules.told("points.adjusted", facts) == {"points": 5}


def test_a_body_is_the_same_json_each_time() -> None:
    made = [rules.body("evt_1", "draw.won", NOW, {"number": "1"}, {"name": "茶"}) for _ in "12"]
    assert made[0] == made[1]
    assert json.loads(made[0]) == {
        "id": "evt_1",
        "type": "draw.won",
        "at": NOW.astimezone().astimezone(NOW.tzinfo).isoformat().replace("+00:00", "Z"),
        "member": {"number": "1"},
        "data": {"name": "茶"},
    }
