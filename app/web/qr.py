"""A QR code as a picture inside a page, dark on white in any theme."""

import segno


def picture(content: str) -> str:
    """A `data:` address for an <img>."""
    return str(
        segno.make(content, micro=False, error="m").svg_data_uri(
            scale=4, border=3, dark="#111", light="#fff", omitsize=True
        )
    )
