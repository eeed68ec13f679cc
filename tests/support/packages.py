"""Real records: the stanzas of this machine's package database."""

import random
import subprocess

COUNT = 60000


def generated():
    """Records of the same shape, for a machine whose database is empty."""
    dice = random.Random(60)
    words = [bytes(dice.choices(b"abcdefghijklmnopqrstuvwxyz-0123456789.",
                                k=dice.randint(2, 14))) for _ in range(4000)]
    for number in range(COUNT):
        name = b"lib%s-%d" % (dice.choice(words), number)
        version = b"%d.%d-%d" % (dice.randint(0, 9), dice.randint(0, 99),
                                 dice.randint(1, 9))
        size = int(dice.paretovariate(1.1) * 40)
        text = b" ".join(dice.choices(words, k=min(size, 5000)))
        yield b"Package: %s\nVersion: %s\nDescription: %s\n caf\xc3\xa9" % (
            name, version, text)


def stanzas():
    try:
        text = subprocess.run(["apt-cache", "dumpavail"], check=True,
                              stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL).stdout
    except (OSError, subprocess.CalledProcessError):
        text = b""
    found = [stanza for stanza in text.split(b"\n\n") if stanza.strip()]
    return found if len(found) >= 1000 else list(generated())


def records(share=1):
    """{package name and version: stanza}; every share-th of them."""
    found = {}
    for stanza in stanzas()[::share]:
        fields = dict(line.split(b": ", 1) for line in stanza.split(b"\n")
                      if line.startswith((b"Package: ", b"Version: ")))
        found[fields[b"Package"] + b" " + fields[b"Version"]] = stanza
    return found
