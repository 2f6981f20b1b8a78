"""What a refusal looks like. Subclasses carry facts; edges turn them into words and statuses."""


class DomainError(Exception):
    """An expected refusal: something asked for is against the shop's rules."""


class NotFound(DomainError):
    def __init__(self, what: str, key: object) -> None:
        super().__init__(f"{what} {key!r} does not exist")
        self.what, self.key = what, key


class Invalid(DomainError):
    """A value is malformed. `field` is the name the caller used for it."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field, self.reason = field, reason


class Conflict(DomainError):
    """The same id was used before with other content."""

    def __init__(self, field: str, key: object) -> None:
        super().__init__(f"{field} {key!r} was already used with other content")
        self.field, self.key = field, key
