"""SHA-256 digests of tokens and API keys, stored instead of the secrets."""

import hashlib


def digest(secret: str) -> str:
    """Return the SHA-256 digest of a random secret, in hexadecimal.

    A fast hash without salt suffices for secrets of high entropy; passwords need Argon2id.
    """
    return hashlib.sha256(secret.encode()).hexdigest()
