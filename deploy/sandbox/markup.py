"""What all pages of the sandbox share: one plain document, no script, nothing from elsewhere."""

from html import escape as _escape

_STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.45 system-ui, sans-serif; max-width: 76rem; margin: 1.5rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; margin: .4rem 0 1.6rem; }
th, td { text-align: left; vertical-align: top; padding: .25rem .7rem .25rem 0; border-bottom: 1px solid #8884; }
td { overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; margin: 1.4rem 0 0; }
form { display: inline; }
.quiet { opacity: .7; }
.scroll { overflow-x: auto; }
"""
SAFE_HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
}


def escape(text: object) -> str:
    """Text of anybody's, made harmless for use in content and attribute values."""
    return _escape(str(text), quote=True)


def page(title: str, body: str) -> str:
    """A whole document around ready-made markup."""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body><h1>{escape(title)}</h1>{body}</body></html>"
    )
