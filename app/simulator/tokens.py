"""Id tokens and access tokens of LINE Login, as the LIFF stand-in hands them out.

https://developers.line.biz/en/reference/line-login/#verify-id-token
"""

import base64
import hashlib
import hmac

import orjson

from app.simulator import ids
from app.simulator.people import Json, Person
from app.simulator.state import State

ISSUER = "https://access.line.me"
ID_TOKEN_SECONDS = 3600
ACCESS_TOKEN_SECONDS = 12 * 3600


class TokenRefused(Exception):
    """Carries LINE's `error_description`."""


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _sign(state: State, text: str) -> str:
    key = state.config.channel_secret.encode()
    return _encode(hmac.new(key, text.encode(), hashlib.sha256).digest())


def issue_id_token(state: State, person: Person, nonce: str | None = None) -> str:
    """A JWT that lives one hour."""
    now = int(state.seconds())
    claims: Json = {
        "iss": ISSUER,
        "sub": person.user_id,
        "aud": state.config.login_channel_id,
        "exp": now + ID_TOKEN_SECONDS,
        "iat": now,
        "amr": ["linesso"],
        "name": person.display_name,
    }
    if nonce:
        claims["nonce"] = nonce
    if person.picture_url:
        claims["picture"] = person.picture_url
    head = _encode(orjson.dumps({"alg": "HS256", "typ": "JWT"}))
    text = f"{head}.{_encode(orjson.dumps(claims))}"
    return f"{text}.{_sign(state, text)}"


def issue_access_token(state: State, person: Person) -> str:
    token = ids.opaque()
    with state.lock:
        state.access_tokens[token] = (person.user_id, state.seconds() + ACCESS_TOKEN_SECONDS)
    return token


def verify_id_token(
    state: State, token: str, client_id: str, nonce: str | None, user_id: str | None
) -> Json:
    """Look at an id token as LINE does.

    Raises:
        TokenRefused: with LINE's own words.
    """
    claims = _claims(state, token)
    if claims.get("iss") != ISSUER:
        raise TokenRefused("Invalid IdToken Issuer.")
    expires = claims.get("exp")
    if not isinstance(expires, int) or expires <= state.seconds():
        raise TokenRefused("IdToken expired.")
    if claims.get("aud") != client_id:
        raise TokenRefused("Invalid IdToken Audience.")
    if nonce is not None and claims.get("nonce") != nonce:
        raise TokenRefused("Invalid IdToken Nonce.")
    if user_id is not None and claims.get("sub") != user_id:
        raise TokenRefused("Invalid IdToken Subject Identifier.")
    return claims


def _claims(state: State, token: str) -> Json:
    text, _, signature = token.rpartition(".")
    if not hmac.compare_digest(_sign(state, text).encode(), signature.encode()):
        raise TokenRefused("Invalid IdToken.")
    try:
        claims = orjson.loads(_decode(text.partition(".")[2]))
    except ValueError as error:
        raise TokenRefused("Invalid IdToken.") from error
    if not isinstance(claims, dict):
        raise TokenRefused("Invalid IdToken.")
    return claims


def owner(state: State, access_token: str) -> tuple[Person, int] | None:
    """Who an access token belongs to and for how many seconds yet."""
    user_id, until = state.access_tokens.get(access_token, ("", 0.0))
    left = int(until - state.seconds())
    person = state.people.get(user_id)
    return (person, left) if person is not None and left > 0 else None
