import struct
import warnings
from typing import IO

from PIL import Image, UnidentifiedImageError

from disputes.files.refusals import damaged, refused

# More than any phone takes, and 200 MB when opened.
MOST_PIXELS = 50_000_000


def examine_picture(file: IO[bytes], kind: str) -> None:
    file.seek(0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            # Opening reads the size and decodes nothing.
            picture = Image.open(file, formats=[kind])
        _bound(picture.width * picture.height)
        picture.verify()
    except Image.DecompressionBombError:
        raise _too_many() from None
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError, IndexError, struct.error):
        raise damaged(f"{kind} picture", "it cannot be opened") from None


def _bound(pixels: int) -> None:
    if pixels > MOST_PIXELS:
        raise _too_many()


def _too_many() -> Exception:
    return refused("too_much_inside", f"The picture has more than {MOST_PIXELS:,} pixels. Make it smaller.")
