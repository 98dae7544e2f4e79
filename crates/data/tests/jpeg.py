"""Writes the JPEG images of this folder, and prints what their own decoder makes of them: the goldens of `table/tests.rs`.

pip install pillow==13.0.0 && python jpeg.py
"""

from PIL import Image

image = Image.new("RGB", (2, 3))
for x in range(2):
    for y in range(3):
        image.putpixel((x, y), (200, 40, 40) if y < 2 else (30, 60, 220))
for name, picture, options in [
    ("color", image, {"subsampling": 0, "progressive": True}),
    ("gray", image.convert("L"), {}),
    ("cmyk", image.convert("CMYK"), {}),
]:
    picture.save(f"{name}.jpg", quality=95, optimize=True, **options)
    print(name, list(Image.open(f"{name}.jpg").tobytes()))
