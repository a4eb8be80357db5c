#!/usr/bin/env python3
"""Draws what a terminal shows as a PNG: `command --color always | terminal-picture.py FILE.png [COLUMNS]`.

Understands the few escape sequences that the text format writes (bold, faint, three colours). Needs Pillow.
"""
import re
import sys
import unicodedata

from PIL import Image, ImageDraw, ImageFont

FONTS = "/usr/share/fonts/truetype/dejavu/DejaVuSansMono%s.ttf"
BACKGROUND, PLAIN, FAINT = "#11161d", "#d5dbe3", "#7f8b99"
COLOURS = {31: "#ff7b72", 32: "#56d364", 33: "#e3b341"}
SIZE, MARGIN = 15, 18


def runs(line):
    """The line as (text, colour, bold) pieces."""
    colour, bold = PLAIN, False
    for piece in re.split(r"(\x1b\[[0-9;]*m)", line):
        if not piece.startswith("\x1b"):
            yield piece, colour, bold
            continue
        for code in (int(c or 0) for c in piece[2:-1].split(";")):
            if code == 0:
                colour, bold = PLAIN, False
            elif code == 1:
                bold = True
            elif code == 2:
                colour = FAINT
            else:
                colour = COLOURS.get(code, colour)


def main():
    lines = [line.rstrip("\n") for line in sys.stdin]
    plain = ImageFont.truetype(FONTS % "", SIZE)
    strong = ImageFont.truetype(FONTS % "-Bold", SIZE)
    cell, height = plain.getlength("0"), int(SIZE * 1.35)
    longest = max(len(re.sub(r"\x1b\[[0-9;]*m", "", line)) for line in lines)
    columns = int(sys.argv[2]) if len(sys.argv) > 2 else longest
    image = Image.new("RGB", (int(columns * cell) + 2 * MARGIN, len(lines) * height + 2 * MARGIN), BACKGROUND)
    draw = ImageDraw.Draw(image)
    for row, line in enumerate(lines):
        column = 0
        for text, colour, bold in runs(line):
            for letter in text:
                draw.text((MARGIN + column * cell, MARGIN + row * height), letter, colour, strong if bold else plain)
                column += 2 if unicodedata.east_asian_width(letter) in "WF" else 1
    image.save(sys.argv[1], optimize=True)


main()
