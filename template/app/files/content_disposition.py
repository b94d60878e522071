"""The `Content-Disposition` header of downloads (RFC 6266)."""

from urllib.parse import quote

INLINE = ("audio/", "image/", "text/plain", "video/")  # without scripts; SVG is detected as XML
UNENCODED = "!#$&+-.^_`|~"  # allowed besides letters and digits (RFC 8187, section 3.2.1)


def disposition(name: str, content_type: str) -> str:
    """Return the header for a file name, without path separators (path traversal).

    Content that a browser could execute, such as HTML, is sent as an attachment. `filename` is an
    ASCII fallback of `filename*`.
    """
    kind = "inline" if content_type.startswith(INLINE) else "attachment"
    plain = "".join("_" if each in '/\\"%' else each for each in name)
    fallback = "".join(each if " " <= each <= "~" else "_" for each in plain)
    header = f'{kind}; filename="{fallback}"'
    if fallback == name:
        return header
    encoded = quote(name.replace("/", "_").replace("\\", "_"), safe=UNENCODED)
    return f"{header}; filename*=UTF-8''{encoded}"
