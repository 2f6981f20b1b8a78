"""The moment at which tests happen, unless they say otherwise."""

from datetime import UTC, datetime

NOW = datetime(2026, 7, 4, 4, 0, tzinfo=UTC)  # Saturday noon in Taipei
