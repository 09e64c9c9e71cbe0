"""Names and ids of people, as data sets spell them: when two spellings are the same person's."""

from __future__ import annotations

import re
import unicodedata

VOX_ID = re.compile(r"id\d{5}")
VGGFACE2_ID = re.compile(r"n\d{6}")
# Letters that Unicode does not take apart into a plain one and a mark.
_PLAIN = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "\u0131": "i"}
)
# Words of some languages that mean one thing wherever they stand.
_WORDS = {
    "f": "f fem female w woman women girl frau weiblich femme femenino feminino féminin mujer donna femmina "
    "mulher \u2640",
    "m": "m masc male man men boy mann männlich homme masculin masculino hombre uomo maschio homem \u2642",
}
GENDERS = {word: gender for gender, words in _WORDS.items() for word in words.split()}
# Letters beside which another one may mean the contrary: hombre and mujer, férfi (man) and nő (woman).
CONTRARY = {"m": "h", "f": "n"}
NOT_KNOWN = frozenset(
    ("", "-", "--", "?", "n/a", "na", "nan", "nil", "none", "null", "unknown", "other", "#n/a")
)


def key(name: str) -> str:
    """The letters and digits of a name or id, in lower case and without marks: `Zoë_Kravitz.` and `zoe
    kravitz` are one, ids stay as they are."""
    bare = unicodedata.normalize("NFKD", name.casefold().translate(_PLAIN))
    return "".join(sign for sign in bare if sign.isalnum()) or name


def bare(name: str) -> str:
    """A name as folders and tables can both have it: without blanks around it or dots at the end, which some
    file systems drop (Harry_Connick_Jr.), and with its letters and their marks in one (NFC), which macOS
    takes apart in names of files."""
    return whole(name).strip().rstrip(".")


def whole(name: str) -> str:
    """Letters with their marks as one character (NFC)."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def gender(text: str) -> str | None:
    """f, m, or None for what means neither."""
    return GENDERS.get(text.strip().strip(".").casefold())


def age_years(text: str) -> float | None:
    """Years between 0 and 130, with a decimal point or comma; None for anything else."""
    try:
        value = float(text.replace(",", ".", 1))
    except ValueError:
        return None
    return value if 0.0 < value < 130.0 else None


class Same:
    """Which keys are one person's: a disjoint-set forest over strings."""

    def __init__(self) -> None:
        self._parent: dict[str, str] = {}

    def find(self, item: str) -> str:
        root = item
        while (above := self._parent.setdefault(root, root)) != root:
            root = above
        while self._parent[item] != root:
            self._parent[item], item = root, self._parent[item]
        return root

    def union(self, *items: str) -> None:
        roots = sorted({self.find(item) for item in items})
        for root in roots[1:]:
            self._parent[root] = roots[0]

    def groups(self) -> dict[str, list[str]]:
        """Root -> its members, sorted."""
        found: dict[str, list[str]] = {}
        for item in sorted(self._parent):
            found.setdefault(self.find(item), []).append(item)
        return found
