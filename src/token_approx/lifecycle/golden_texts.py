"""The texts of golden_vectors.json: what implementations of the contract are most likely to disagree on."""

from typing import NamedTuple

from token_approx.text.counts import encode

WHITE_SPACE = (*range(0x09, 0x0E), 0x20, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B),
               0x2028, 0x2029, 0x202F, 0x205F, 0x3000)  # fmt: skip
# Some language or library takes each of these for white space, or strips it; the contract does neither.
NOT_WHITE_SPACE = (0x00, 0x08, 0x0E, *range(0x1C, 0x20), 0x7F, 0x180E, 0x200B, 0x2060, 0xFEFF)
MEGABYTE = 2**20

STRINGS = {
    "empty": "",
    "one letter": "a",
    "one digit": "7",
    "a sentence": "The ferry leaves at noon, and the next one only after dark.",
    "line feed at the end": "first line\nsecond line\n",
    "no line feed at the end": "first line\nsecond line",
    "line feeds alone": "\n\n\n",
    "CR LF": "one\r\ntwo\r\n\r\nthree\r\n",
    "CR alone": "one\rtwo\rthree",
    "vertical tab, form feed and U+2028 end no line": "one\vtwo\fthree\u2028four\u2029five\u0085six",
    "white space around": " \t leading and trailing \u3000\u00a0\n",
    "digits": "0123456789 007 3.14159 1,000,000 2024-02-29T23:59:59Z +44 20 7946 0958",
    "digits that are not ASCII": "\u0661\u0662\u0663 \uff14\uff15 \u0967\u0968\u0969 \u00b2\u00bd\u2167",
    "NUL": "before\0after \0\0 end\0",
    "byte order mark": "\ufeffstarts with one",
    "lone high surrogate": "left \ud83d right",
    "lone low surrogate": "left \ude00 right",
    "surrogates reversed": "left \ude00\ud83d right",
    "surrogate at the end": "cut off here \ud83d",
    "surrogate between white space": "\u2003\udfff\u2003",
    "emoji": "Done \U0001f389 and \U0001f680\U0001f680!",
    "skin tones": "\U0001f44d\U0001f3fb \U0001f44d\U0001f3fd \U0001f44d\U0001f3ff",
    "joined emoji and flags": "\U0001f469\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466 "
    "\U0001f3f3\ufe0f\u200d\U0001f308 \U0001f1eb\U0001f1f7 1\ufe0f\u20e3",
    "combining marks": "e\u0301le\u0300ve na\u0308i\u0308ve o\u0323\u0302\u0300",
    "the same, composed": "\u00e9l\u00e8ve n\u00e4\u00efve \u1ed3\u0323",
    "beyond the first plane": "\U00010330\U0001d54f\U00020bb7\U0010ffff",
    "accents": "Señor Müller a déjà bu œuf, ångström, čaj, łódź, İstanbul’da.",
    "Chinese": "昨天下午我们在河边看见了三只白鹭。天气很好，风也不大。",
    "Japanese": "昨日の午後、川のほとりで三羽のサギを見た。ﾊﾝｶｸ　全角ＡＢＣ",
    "Korean": "어제 오후에 강가에서 백로 세 마리를 보았다. \u1112\u1161\u11ab",
    "Arabic": "رأينا بالأمس ثلاثة طيور عند النهر، وكان الجوُّ صافيًا.",
    "Hebrew": "אתמול ראינו שלוש ציפורים ליד הנהר.",
    "Russian": "Вчера днём мы видели у реки трёх белых цапель.",
    "Greek": "Χθες το απόγευμα είδαμε τρεις ερωδιούς στο ποτάμι.",
    "Hindi": "कल दोपहर हमने नदी के किनारे तीन सफ़ेद बगुले देखे।",
    "Thai": "เมื่อวานตอนบ่ายเราเห็นนกกระยางสามตัวริมแม่น้ำ",
    "Python": 'def area(r: float) -> float:\n    """Of a circle."""\n    return 3.14159 * r**2  # cm²\n',
    "C": '#include <stdio.h>\nint main(void) {\n\tfor (int i = 0; i < 10; i++)\n\t\tprintf("%d\\n", i);\n}\n',
    "JSON": '{"id": 1024, "tags": ["a\\u00e9", null, true], "price": 1.5e-3, "path": "C:\\\\temp\\\\x"}\n',
    "base64": "VGhlIGhlcm9uIHN0b29kIHN0aWxsIGluIHRoZSByZWVkcyA9Pz4/Cg==" * 4,
    "hexadecimal": "9f86d081884c7d659a2feaa0c55ad015 DEADBEEF 0x7ffe1c3a",
    "HTML": '<ul class="menu">\n  <li><a href="/?q=1&amp;p=2">Home</a></li>\n</ul>\n',
    "CSV": "day,station,mm\n2024-03-01,North,12.4\n2024-03-02,North,0.0\n",
    "a long word": "pneumono" * 40,
    "punctuation": "!?!?... --- *** ((([[[{{{ }}}]]]))) \\\\ // ~~ `` ''\"\" <> |&;$#@^%_+=",
}
# Bytes that no JSON string encodes to; each that cannot be decoded counts as a letter does.
BYTES = {
    "every byte": bytes(range(256)),
    "every byte, from the last": bytes(range(256))[::-1],
    "cut two-byte sequence": b"caf\xc3",
    "cut three-byte sequence before a space": b"a \xe2\x80 b",
    "cut white space at the end": b"a\xe1\x9a",
    "cut white space before white space": b"a\xe2\xe2\x80\x80b\xe2\x80\xe2\x80\xa8c\xc2\xc2\x85d"
    b"\xe3\x80\xe3\x80\x80e\xe1\xe1\x9a\x80f",
    "cut four-byte sequence": b"a\xf0\x9f\x98 b\xf0\x9f c",
    "lone continuation bytes": b"a\x85b \xa0 c\x80\x80",
    "overlong space": b"a\xc0\xa0b\xe0\x80\xa0c\xf0\x80\x80\xa0d",
    "overlong NUL and slash": b"\xc0\x80\xc0\xaf",
    "FF and FE": b"\xff\xfe a \xfe\xff",
    "beyond U+10FFFF": b"\xf4\x90\x80\x80 \xf8\x88\x80\x80\x80 \xfc",
    "Latin-1": "Señor Müller, 20\u00a0°C\u0085".encode("latin-1"),
    "UTF-16": "Größe\u2003breit".encode("utf-16-le"),
    "a pair of surrogates in six bytes": b"\xed\xa0\xbd\xed\xb8\x80",
}
# As long, as wordy and as wide as the records of novels: within the domain of a model fitted on them.
NOVEL = (
    "The herons had come back early to the river that\n"
    "spring, and old Marten, who kept the lock, counted\n"
    "them each morning from his door. “Eleven,” he said,\n"
    "“and not one of them has paid the toll.” His niece\n"
    "laughed and went on mending the net beside the stove.\n"
)


class GoldenText(NamedTuple):
    """A text, `times` over: a string, or bytes that no JSON string encodes to."""

    name: str
    text: str | bytes
    times: int = 1


def golden_texts() -> list[GoldenText]:
    """Return the texts, under unique names, in a fixed order."""
    spaces = [
        GoldenText(f"U+{code:04X} {place}", text)
        for code in WHITE_SPACE
        for place, text in (("alone", chr(code)), ("between letters", f"a{chr(code)}b"))
    ]
    others = [
        GoldenText(f"U+{code:04X}, no white space, between letters", f"a{chr(code)}b")
        for code in NOT_WHITE_SPACE
    ]
    texts: dict[str, str | bytes] = {**STRINGS, **BYTES}
    named = [GoldenText(name, text) for name, text in texts.items()]
    mixed = b"".join(text if isinstance(text, bytes) else encode(text) for text in texts.values())
    return [
        *named,
        *spaces,
        *others,
        GoldenText("10,000 times one letter", "a", 10_000),
        GoldenText("10,000 times one digit", "4", 10_000),
        GoldenText("40,000 spaces", " ", 40_000),
        GoldenText("40,000 times a cut sequence", b"\xe2\x80", 40_000),
        GoldenText("a chapter", NOVEL, 144),
        GoldenText("1 MB of all named texts", mixed, -(-MEGABYTE // len(mixed))),
    ]
