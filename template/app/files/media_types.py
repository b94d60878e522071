"""MIME sniffing: detection of a media type from the first bytes of content (magic numbers).

File names and `Content-Type` headers are not trusted. The patterns are those of the MIME Sniffing
Standard (https://mimesniff.spec.whatwg.org). Browsers follow this standard, so the patterns detect
content that a browser would execute. Office documents are ZIP archives.
"""

import re

HEAD_SIZE = 1445  # bytes that are inspected, the "resource header" (section 5.2)
WHITESPACE = b"\t\n\x0c\r "

# Types that a browser executes, after leading whitespace (section 7.1); SVG is XML.
HTML = re.compile(
    rb"<(?:!doctype html|html|head|script|iframe|h1|div|font|table|a|style|title|b|body|br|p)[ >]"
    rb"|<!--",
    re.IGNORECASE,
)
XML = re.compile(rb"<(?:\?xml|svg|!doctype svg)", re.IGNORECASE)

# Signatures of section 6, and some more; `.` matches any byte.
PATTERNS = {
    b"%PDF-": "application/pdf",
    b"\x00\x00\x01\x00|\x00\x00\x02\x00": "image/x-icon",
    b"BM": "image/bmp",
    b"GIF8[79]a": "image/gif",
    b"RIFF....WEBPVP": "image/webp",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"II\\*\x00|MM\x00\\*": "image/tiff",
    b"FORM....AIFF": "audio/aiff",
    b"ID3|\xff[\xe2\xe3\xf2\xf3\xfa\xfb]": "audio/mpeg",
    b"OggS\x00": "application/ogg",
    b"MThd\x00\x00\x00\x06": "audio/midi",
    b"RIFF....AVI ": "video/avi",
    b"RIFF....WAVE": "audio/wave",
    b"fLaC": "audio/flac",
    b"....ftypavi[fs]": "image/avif",
    b"....ftyp(heic|heix|mif1|msf1)": "image/heic",
    b"....ftypM4A ": "audio/mp4",
    b"....ftypqt  ": "video/quicktime",
    b"....ftyp": "video/mp4",
    b"\x1a\x45\xdf\xa3.{0,60}\x42\x82.webm": "video/webm",
    b"wOFF": "font/woff",
    b"wOF2": "font/woff2",
    b"\x00\x01\x00\x00": "font/ttf",
    b"OTTO": "font/otf",
    b"\x1f\x8b\x08": "application/gzip",
    b"PK\x03\x04|PK\x05\x06": "application/zip",
    b"Rar!\x1a\x07": "application/x-rar-compressed",
    b"7z\xbc\xaf\x27\x1c": "application/x-7z-compressed",
}
SIGNATURES = [
    (re.compile(b"(?:" + each + b")", re.DOTALL), kind) for each, kind in PATTERNS.items()
]
BYTE_ORDER_MARKS = (b"\xfe\xff", b"\xff\xfe", b"\xef\xbb\xbf")
BINARY = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")  # control characters (section 3)


def sniff(content: bytes) -> str:
    """Detect the media type of content from its first `HEAD_SIZE` bytes."""
    head = content[:HEAD_SIZE]
    text = head.removeprefix(BYTE_ORDER_MARKS[-1]).lstrip(WHITESPACE)
    if XML.match(text):
        return "text/xml"
    if HTML.match(text):
        return "text/html"
    if head.startswith(BYTE_ORDER_MARKS):
        return "text/plain"
    kinds = (kind for pattern, kind in SIGNATURES if pattern.match(head))
    return next(kinds, "application/octet-stream" if BINARY.search(head) else "text/plain")
