"""Damaged model files: a reader says what is wrong or predicts something, and neither crashes nor hangs.

    python damaged.py MODEL.safetensors [MODEL.safetensors ...] [--files 400]

Files are cut short, bytes and digits are changed, and parts of their JSON left out or repeated. The C reader is built with the sanitizers of
addresses and undefined behavior; of apd.mjs an error that is not its own (a TypeError, a RangeError) counts as a crash.
"""

import argparse
import random
import re
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
SECONDS = 120
NUMBERS = ["0", "1", "-1", "2", "17", "0.5", "1e300", "-1e300", "4294967296", "9007199254740993", "null", "[]", "{}", '\\"a\\"']


def with_header(content, change):
    """The file with its JSON changed and the length before it made right."""
    end = 8 + struct.unpack("<Q", content[:8])[0]
    header = change(content[8:end].decode()).encode()
    return struct.pack("<Q", len(header)) + header + content[end:]


def damage(content, chance):
    def of_number(header):
        number = chance.choice(list(re.finditer(r"-?\d+(\.\d+)?(e-?\d+)?", header)))
        return header[: number.start()] + chance.choice(NUMBERS) + header[number.end() :]

    def of_span(header):
        begin = chance.randrange(len(header))
        end = begin + chance.choice([1, 1, 8, 64, 1024])
        return header[:begin] + header[begin:end] * chance.choice([0, 2]) + header[end:]

    def of_word(header):
        # Names of keys and kinds: every one that a reader asks for may be missing.
        word = chance.choice(list(re.finditer(r"[a-z_.0-9]{3,}", header)))
        return header[: word.start()] + "x" + header[word.start() + 1 :]

    def cut():
        return content[: chance.randrange(len(content))]

    def flipped():
        place = chance.randrange(len(content)) if chance.random() < 0.5 else chance.randrange(12)
        return content[:place] + bytes([content[place] ^ 1 << chance.randrange(8)]) + content[place + 1 :]

    edits = [lambda change=change: with_header(content, change) for change in (of_number, of_number, of_number, of_span, of_word)]
    return chance.choice([cut, flipped, *edits])()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--files", type=int, default=400, help="damaged files of each model")
    options = parser.parse_args()
    chance = random.Random(1)
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        program = folder / "damaged"
        flags = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-g", "-O1"]
        sanitizers = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
        subprocess.run(["cc", *flags, *sanitizers, HERE / "damaged.c", "-lm", "-o", program], check=True)
        for model in options.models:
            content = model.read_bytes()
            files = [folder / f"{number}.safetensors" for number in range(options.files)]
            for file in files:
                file.write_bytes(damage(content, chance))
            for reader, command in {"C": [program], "node": ["node", HERE / "damaged.mjs"]}.items():
                done = subprocess.run([*command, *files], capture_output=True, text=True, errors="replace", timeout=SECONDS)
                opened = done.stdout.count("opened\n")
                print(f"{model.name}: {reader} opened {opened} of {len(files)} damaged files, exit code {done.returncode}")
                if done.returncode:
                    failed = True
                    print(done.stdout[-300:], done.stderr[-3000:])
    sys.exit(failed)


if __name__ == "__main__":
    main()
