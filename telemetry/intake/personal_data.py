"""Says which kind of personal data or secret a text looks like, for people to know what to leave out."""

from functools import lru_cache

from telemetry.intake.privacy import MAX_EXAMINED_LENGTH, MAX_PROSE_FREE_LENGTH, WHITESPACE, find_secret

EMAIL = "This looks like an e-mail address. Leave it out, or send an id in its place."
BEARER = (
    "This looks like a bearer token. Leave it out, and replace the token: it may have been seen on its way."
)
PRIVATE_KEY = (
    "This looks like a private key. Leave it out, and replace the key: it may have been seen on its way."
)
ACCESS_KEY = (
    "This looks like an access key. Leave it out, and replace the key: it may have been seen on its way."
)
CARD = "This looks like a card number. Leave it out, or send an id that is not made of digits only."
PROSE = (
    f"This looks like free text: it has blanks and more than {MAX_PROSE_FREE_LENGTH} characters. "
    "Leave it out, or send its length or a short label."
)
ANY = "This looks like an e-mail address, a credential, a card number or free text. Leave it out."


# A text stands in an event once, but in a post of equal events many times.
@lru_cache(maxsize=32)
def say_what_it_looks_like(text: str) -> str:
    """A sentence for a text that `looks_like_pii`; it does not repeat the text."""
    examined = text[:MAX_EXAMINED_LENGTH]
    if secret := find_secret(examined):
        return sentence_of(secret)
    if len(text) > MAX_PROSE_FREE_LENGTH and WHITESPACE.search(examined):
        return PROSE
    return CARD


def sentence_of(secret: str) -> str:
    if secret[1:2] == "@" or secret[1:4] == "%40":
        return EMAIL
    if secret.startswith("-----"):
        return PRIVATE_KEY
    return BEARER if secret[:6].lower() == "bearer" or secret.startswith("eyJ") else ACCESS_KEY
