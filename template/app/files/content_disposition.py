"""What a browser does with content, and under which name it keeps it (RFC 6266)."""

from urllib.parse import quote

SHOWN = ("audio/", "image/", "text/plain", "video/")  # what runs nothing; SVG is XML here
SAFE = "!#$&+-.^_`|~"  # that need no encoding, beside letters and digits (RFC 8187, section 3.2.1)


def disposition(name: str, content_type: str) -> str:
    """Write the header `Content-Disposition`: for a name of any characters, and no path."""
    kind = "inline" if content_type.startswith(SHOWN) else "attachment"
    plain = "".join("_" if each in '/\\"%' else each for each in name)
    fallback = "".join(each if " " <= each <= "~" else "_" for each in plain)
    header = f'{kind}; filename="{fallback}"'
    if fallback == name:
        return header
    encoded = quote(name.replace("/", "_").replace("\\", "_"), safe=SAFE)
    return f"{header}; filename*=UTF-8''{encoded}"
