"""The periods within which a member's wish is carried out."""

from datetime import timedelta
from typing import Final

WIPE_AFTER: Final = timedelta(days=7)  # until then a closed membership can be reopened
FORGET_AFTER: Final = timedelta(days=365)  # the keyed hash of a phone, against repeated gifts
