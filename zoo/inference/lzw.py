"""Damage in LZW-compressed TIFF pages, found before the page is decoded.

The decoder that tifffile uses for LZW, that of imagecodecs (2026.3), may end the whole process where codes are damaged:
it follows a first code that has no meaning yet. libtiff's, which Pillow brings, has met all kinds of damage and refuses
it; but Pillow has no mode for colour of 16 bits. So libtiff goes first, segment by segment, as if each were gray bytes.
"""

from __future__ import annotations

import io
import struct

import tifffile

from zoo.pillow import open_with_pillow

LZW = 5


def check_lzw(page: tifffile.TiffPage) -> None:
    """Raise OSError if a segment of an LZW-compressed page is damaged; nothing for other pages."""
    if page.compression != LZW:
        return
    file = page.parent.filehandle
    for i, (offset, count) in enumerate(zip(page.dataoffsets, page.databytecounts, strict=True)):
        if count:  # none: a segment left out, which stands for zeros
            file.seek(offset)
            _decode(file.read(count), *_segment_size(page, i), page.fillorder)


def _segment_size(page: tifffile.TiffPage, i: int) -> tuple[int, int]:
    """Rows, and bytes per row, of a page's strip or tile."""
    samples = 1 if page.planarconfig == 2 else page.samplesperpixel
    per_pixel = samples * page.bitspersample // 8
    if page.is_tiled:
        return page.tilelength, page.tilewidth * per_pixel
    strips = -(-page.imagelength // page.rowsperstrip)
    first = i % strips * page.rowsperstrip
    return min(page.rowsperstrip, page.imagelength - first), page.imagewidth * per_pixel


def _decode(segment: bytes, rows: int, row_bytes: int, fill_order: int) -> None:
    """Decode a segment, wrapped as a gray TIFF of 8 bits."""
    tags = {256: row_bytes, 257: rows, 258: 8, 259: LZW, 262: 1, 266: fill_order, 277: 1, 278: rows}
    tags |= {273: 8 + 2 + 12 * (len(tags) + 2) + 4, 279: len(segment)}
    directory = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(tags.items()))
    head = struct.pack("<2sHIH", b"II", 42, 8, len(tags)) + directory + bytes(4)
    with open_with_pillow(io.BytesIO(head + segment), ("TIFF",)) as image:
        image.load()
