"""Tests of MIME sniffing: the media type of a file is detected from its content."""

import gzip
from io import BytesIO
from zipfile import ZipFile

import pytest

from app.files.media_types import sniff


def office_document() -> bytes:
    """Return a ZIP archive with the files of an office document."""
    buffer = BytesIO()
    with ZipFile(buffer, "w") as archive:
        archive.writestr("word/document.xml", "<x/>")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n" + bytes(9), "image/png"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "image/jpeg"),
        (b"\x00\x00\x01\x00" + bytes(9), "image/x-icon"),
        (b"\x00\x00\x02\x00" + bytes(9), "image/x-icon"),
        (b"BM" + bytes(9), "image/bmp"),
        (b"II*\x00" + bytes(9), "image/tiff"),
        (b"MM\x00*" + bytes(9), "image/tiff"),
        (b"GIF87a" + bytes(9), "image/gif"),
        (b"GIF89a" + bytes(9), "image/gif"),
        (b"RIFF\x24\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b"RIFF\x24\x00\x00\x00WAVEfmt ", "audio/wave"),
        (b"FORM\x00\x00\x00\x00AIFF", "audio/aiff"),
        (b"\xff\xfb\x90\x00" + bytes(9), "audio/mpeg"),
        (b"OggS\x00\x02", "application/ogg"),
        (b"MThd\x00\x00\x00\x06", "audio/midi"),
        (b"fLaC\x00", "audio/flac"),
        (b"RIFF\x00\x00\x00\x00AVI LIST", "video/avi"),
        (b"\x00\x00\x00\x18ftypheic" + bytes(9), "image/heic"),
        (b"\x00\x00\x00\x1cftypM4A " + bytes(9), "audio/mp4"),
        (b"\x00\x00\x00\x14ftypqt  " + bytes(9), "video/quicktime"),
        (b"\x00\x00\x00\x1cftypavif" + bytes(9), "image/avif"),
        (b"\x00\x00\x00\x18ftypmp42" + bytes(9), "video/mp4"),
        (b"\x1aE\xdf\xa3\x9fB\x86\x81\x01B\x82\x84webm", "video/webm"),
        (b"ID3\x03" + bytes(9), "audio/mpeg"),
        (b"%PDF-1.7\n", "application/pdf"),
        (office_document(), "application/zip"),
        (b"PK\x05\x06" + bytes(9), "application/zip"),
        (b"Rar!\x1a\x07\x00", "application/x-rar-compressed"),
        (b"7z\xbc\xaf\x27\x1c\x00", "application/x-7z-compressed"),
        (b"wOFF" + bytes(9), "font/woff"),
        (b"wOF2" + bytes(9), "font/woff2"),
        (b"\x00\x01\x00\x00" + bytes(9), "font/ttf"),
        (b"OTTO" + bytes(9), "font/otf"),
        (gzip.compress(b"text", mtime=0), "application/gzip"),
        (b"\x7fELF\x02\x01\x01" + bytes(9), "application/octet-stream"),
        (b"MZ\x90\x00\x03\x00", "application/octet-stream"),
        (b"<!DOCTYPE HTML>", "text/html"),
        (b" \r\n\t<Script >", "text/html"),
        (b"\xef\xbb\xbf<html>", "text/html"),
        (b"<!--", "text/html"),
        (b"<?xml version='1.0'?><svg/>", "text/xml"),
        (b" <svg onload=alert(1)>", "text/xml"),
        (b"<basket>", "text/plain"),
        (b"a,b\n1,2\n", "text/plain"),
        ("Grüße".encode(), "text/plain"),
        ("Grüße".encode("utf-16"), "text/plain"),
        (b"\xfe\xff\x00G", "text/plain"),
        (b"\xef\xbb\xbf\x00", "text/plain"),
        (b"", "text/plain"),
        (b"a" * 1444 + b"\x00", "application/octet-stream"),
        (b"a" * 1445 + b"\x00", "text/plain"),
    ],
)
def test_sniff_detects_media_type_from_content(content: bytes, kind: str) -> None:
    assert sniff(content) == kind
