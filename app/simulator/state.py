"""Everything the simulator remembers, behind one lock: web requests and the courier share it."""

import itertools
import threading
from collections import Counter, deque
from collections.abc import Iterable
from datetime import datetime

from app.simulator import ids
from app.simulator.clock import SimulatorClock
from app.simulator.config import SimulatorConfig
from app.simulator.hub import Hub
from app.simulator.limits import JAPAN, Quota, RateLimits
from app.simulator.people import (
    Content,
    Entry,
    Json,
    Person,
    ReplyToken,
    Request,
    RichMenu,
    Sent,
)

REPLY_TOKEN_SECONDS = 60
REPLY_TOKEN_LAST_SECONDS = 20 * 60  # after the event, also when redelivered
RETRY_KEY_SECONDS = 24 * 3600


class State:
    """What LINE knows. Methods that change it hold `lock`; callers may hold it too (re-entrant)."""

    def __init__(self, config: SimulatorConfig) -> None:
        self.config = config
        self.clock = SimulatorClock(config.clock)
        self.hub = Hub()
        self.lock = threading.RLock()
        self.limits = RateLimits(config.rates, enabled=config.rate_limits)
        self.webhook_url = config.webhook_url
        self.people: dict[str, Person] = {}
        self.menus: dict[str, RichMenu] = {}
        self.aliases: dict[str, str] = {}
        self.default_menu: str | None = None
        self._entry_numbers = itertools.count(1)
        self._request_numbers = itertools.count(1)
        self._sms_numbers = itertools.count(1)
        self.message_ids = ids.MessageIds()
        self._forget_traffic()

    def _forget_traffic(self) -> None:
        self.reply_tokens: dict[str, ReplyToken] = {}
        self._token_queue: deque[tuple[float, str]] = deque()
        self.retry_keys: dict[str, tuple[float, str, list[Json] | None]] = {}
        self.received: list[Entry] = []
        self.entries: dict[str, Entry] = {}
        self.requests: deque[Request] = deque(maxlen=self.config.log_limit)
        self.last_request = 0
        self.statuses: Counter[int] = Counter()
        self.accepted: Counter[str] = Counter()
        self.daily: Counter[tuple[str, str]] = Counter()
        self.units: dict[str, set[str]] = {}
        self.skipped = 0
        self.contents: dict[str, Content] = {}
        self.access_tokens: dict[str, tuple[str, float]] = {}
        self.link_tokens: dict[str, str] = {}
        self.sms: list[Json] = []
        self._sms_keys: dict[str, int] = {}
        self.quota = Quota(self.config.monthly_quota)
        self.limits.refill()

    def reset(self, *, keep_people: bool, keep_menus: bool) -> None:
        with self.lock:
            if keep_people:
                for person in self.people.values():
                    person.entries.clear()
                    person.seen_n = 0
                    person.loading_until = 0.0
            else:
                self.people.clear()
            if not keep_menus:
                self.menus.clear()
                self.aliases.clear()
                self.default_menu = None
                for person in self.people.values():
                    person.rich_menu_id = None
            self._forget_traffic()
        self.hub.publish("reset")

    def now(self) -> datetime:
        return self.clock.now()

    def seconds(self) -> float:
        return self.clock.now().timestamp()

    # People ------------------------------------------------------------------------------------

    def person(self, user_id: str) -> Person | None:
        """The person, made on the spot when the configuration says that anybody is a friend."""
        found = self.people.get(user_id)
        if found is None and self.config.any_user and ids.USER_ID.fullmatch(user_id):
            found = Person(user_id, f"Friend {user_id[1:7]}", is_following=True)
            self.people[user_id] = found
        return found

    def add_entry(self, entry: Entry) -> Entry:
        """Put a line into a chat and tell who watches."""
        with self.lock:
            self.people[entry.user_id].entries.append(entry)
            self.entries[entry.id] = entry
        self.hub.publish("conversation", userId=entry.user_id, n=entry.n)
        return entry

    def next_entry(self) -> int:
        return next(self._entry_numbers)

    # Sending -----------------------------------------------------------------------------------

    def deliver(self, people: Iterable[Person], sent: Sent, count: int) -> list[str]:
        """Put `count` messages of a request into each chat; answer the ids of the last chat's."""
        now = self.seconds()
        taken: list[str] = []
        for person in people:
            taken = [self.message_ids.take() for _ in range(count)]
            with self.lock:
                person.loading_until = 0.0
                for index, message_id in enumerate(taken):
                    entry = Entry(
                        next(self._entry_numbers),
                        message_id,
                        person.user_id,
                        "bot",
                        now,
                        sent=sent,
                        index=index,
                    )
                    person.entries.append(entry)
                    self.entries[message_id] = entry
                    self.received.append(entry)
                last = entry.n if taken else 0
            self.hub.publish("conversation", userId=person.user_id, n=last)
        return taken

    def count_accepted(self, kind: str, recipients: int, skipped: int) -> None:
        with self.lock:
            day = self.now().astimezone(JAPAN).strftime("%Y%m%d")
            self.accepted[kind] += 1
            self.daily[kind, day] += recipients
            self.skipped += skipped

    # Reply tokens and retry keys ---------------------------------------------------------------

    def add_reply_token(self, token: str, user_id: str, event_at: float) -> None:
        with self.lock:
            self.reply_tokens[token] = ReplyToken(user_id, event_at)
            self._token_queue.append((event_at, token))
            self._drop_old_tokens()

    def hand_over(self, tokens: Iterable[str]) -> None:
        """A webhook carries these tokens: their minute starts (again)."""
        now = self.seconds()
        with self.lock:
            for token in tokens:
                found = self.reply_tokens.get(token)
                if found is not None:
                    found.delivered_at = now

    def use_reply_token(self, token: str) -> str | None:
        """Spend a token; answers the user id, or None when LINE would say it is invalid."""
        found = self.live_token(token)
        if found is None:
            return None
        found.is_used = True
        return found.user_id

    def live_token(self, token: str) -> ReplyToken | None:
        found = self.reply_tokens.get(token)
        if found is None or found.is_used or found.delivered_at is None:
            return None
        now = self.seconds()
        is_old = now - found.event_at > REPLY_TOKEN_LAST_SECONDS
        return None if is_old or now - found.delivered_at > REPLY_TOKEN_SECONDS else found

    def _drop_old_tokens(self) -> None:
        oldest = self.seconds() - 2 * REPLY_TOKEN_LAST_SECONDS
        while self._token_queue and self._token_queue[0][0] < oldest:
            self.reply_tokens.pop(self._token_queue.popleft()[1], None)

    def accepted_before(self, retry_key: str) -> tuple[str, list[Json] | None] | None:
        """The request id and sent messages of the accepted request with this key, for 24 hours."""
        found = self.retry_keys.get(retry_key)
        if found is None:
            return None
        if self.seconds() - found[0] >= RETRY_KEY_SECONDS:
            with self.lock:
                self.retry_keys.pop(retry_key, None)
            return None
        return found[1], found[2]

    def remember_key(self, retry_key: str, request_id: str, sent: list[Json] | None) -> None:
        with self.lock:
            self.retry_keys[retry_key] = (self.seconds(), request_id, sent)

    # Log ---------------------------------------------------------------------------------------

    def log(self, request: Request) -> None:
        with self.lock:
            self.requests.append(request)
            self.last_request = request.n
            self.statuses[request.status] += 1
        self.hub.publish("request", n=request.n)

    def next_request(self) -> int:
        return next(self._request_numbers)

    def add_sms(self, to: str, text: str, key: str | None = None) -> int:
        """Put an SMS into the inbox; one that comes again with its key is not there twice."""
        with self.lock:
            if key is not None and key in self._sms_keys:
                return self._sms_keys[key]
            n = next(self._sms_numbers)
            if key is not None:
                self._sms_keys[key] = n
            self.sms.append({"n": n, "to": to, "text": text, "at": self.seconds()})
        self.hub.publish("sms", n=n)
        return n

    # Rich menus --------------------------------------------------------------------------------

    def menu_of(self, person: Person) -> RichMenu | None:
        """Per user for friends, else the default one."""
        linked = person.rich_menu_id if person.is_following else None
        return self.menus.get(linked or "") or self.menus.get(self.default_menu or "")
