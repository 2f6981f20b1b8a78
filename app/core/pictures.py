"""Addresses of the pictures in Flex messages. LINE fetches them without a log-in, so an address
must not be guessable: a member number goes with a keyed signature, a card code is random."""

from app.core import ids

SIGNATURE_LENGTH = 16


def barcode_url(base_url: str, key: str, number: str) -> str:
    return f"{base_url}/pictures/barcode/{number}-{signature(key, number)}.png"


def qr_url(base_url: str, code: str) -> str:
    return f"{base_url}/pictures/qr/{code}.png"


def signature(key: str, number: str) -> str:
    return ids.keyed_hash(key, f"barcode:{number}")[:SIGNATURE_LENGTH]
