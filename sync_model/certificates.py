"""Which certificates count, and until when one is valid. Of its fields, nobody here asks for another."""

from __future__ import annotations

import re
import ssl
from datetime import UTC, datetime

from sync_model.regular_files import read_regular

LARGEST_FILE = 1024 * 1024
VERSION, UTC_TIME, GENERALIZED_TIME = 0xA0, 0x17, 0x18
"""Tags of DER, as RFC 5280 uses them."""
LONG_LENGTH = 0x80
_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


def accept_private_authorities(context: ssl.SSLContext) -> None:
    """Trust an authority also when its certificate lacks what RFC 5280 asks for, such as what its key is for.

    Many that companies have made for themselves do. Python refuses them since 3.13; before, and as curl and browsers
    do, it took them. Which Python runs must not decide whether a site can be reached.
    """
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT


def not_after(der: bytes) -> datetime | None:
    """Return until when a certificate in DER is valid; None when it cannot be read."""
    try:
        _, certificate, _ = _element(der)
        _, fields, _ = _element(certificate)
        if fields[0] == VERSION:
            *_, fields = _element(fields)
        for _ in ("serial number", "signature algorithm", "issuer"):
            *_, fields = _element(fields)
        _, validity, _ = _element(fields)
        *_, last = _element(validity)
        tag, text, _ = _element(last)
        return _time(tag, text.decode("ascii"))
    except (ValueError, IndexError):
        return None


def not_after_of_file(path: str) -> datetime | None:
    """Return when the first certificate in a file in PEM format runs out: that is the one which is shown to others.

    None when there is none that can be read.
    """
    try:
        found = _PEM.search(read_regular(path, LARGEST_FILE))
        return not_after(ssl.PEM_cert_to_DER_cert(found[0].decode("ascii"))) if found else None
    except (OSError, ValueError):
        return None


def _element(data: bytes) -> tuple[int, bytes, bytes]:
    """Return the tag and the content of the first element in `data`, and what follows it."""
    tag, length, begin = data[0], data[1], 2
    if length & LONG_LENGTH:
        begin += length & ~LONG_LENGTH
        length = int.from_bytes(data[2:begin], "big")
    if length > len(data) - begin:
        raise ValueError("it is cut off")
    return tag, data[begin : begin + length], data[begin + length :]


def _time(tag: int, text: str) -> datetime:
    if tag == GENERALIZED_TIME:
        return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)
    if tag != UTC_TIME:
        raise ValueError("it is no time")
    # RFC 5280: two digits below 50 are of this century. Python draws the line elsewhere.
    century = "20" if text[:2] < "50" else "19"
    return datetime.strptime(century + text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)
