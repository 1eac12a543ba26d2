"""Secrets that are read from files, as orchestrators hand them out: API_TOKEN_FILE in place of API_TOKEN."""

from __future__ import annotations

from pathlib import Path

LARGEST_BYTES = 64 * 1024


def read_secret(variable: str, path: str) -> str:
    """The text of a file, without the line break at its end.

    Args:
        variable: that names the file, to name it in an error
        path: of the file

    Raises:
        ValueError: it cannot be read, is empty, is too long, or holds no text.
    """
    try:
        with Path(path).open("rb") as file:
            read = file.read(LARGEST_BYTES + 1)
        text = read.decode().rstrip("\r\n")
    except OSError as error:
        raise ValueError(f"{variable} names {path!r}, which cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{variable} names {path!r}, which is not UTF-8") from None
    if not text or len(read) > LARGEST_BYTES:
        what = "is empty" if not text else f"has more than {LARGEST_BYTES} bytes"
        raise ValueError(f"{variable} names {path!r}, which {what}")
    return text


def refuse_both(variable: str) -> None:
    """Refuse a secret that is given both ways: one of the two would be ignored.

    Raises:
        ValueError: always.
    """
    raise ValueError(f"both {variable} and {variable}_FILE are set; one is enough")


def checked_token(token: str) -> str:
    """Return a token that can be sent in a header.

    Raises:
        ValueError: it is blank, begins or ends with a space, has control characters, or others that a header
            cannot hold.
    """
    if not token.strip() or token != token.strip() or not token.isprintable():
        raise ValueError(
            "is blank, or has control characters or spaces around it; `openssl rand -hex 32` makes one"
        )
    try:
        token.encode("latin-1")
    except UnicodeEncodeError:
        raise ValueError("has characters that are not of Latin-1, which no header can hold") from None
    return token
