"""Languages, whichever way they are written: `English`, `eng`, `en_us` and `en-US`."""

from __future__ import annotations

import re

_TABLE = """
af afr afrikaans        am amh amharic          ar ara arabic           as asm assamese
az aze azerbaijani      be bel belarusian       bg bul bulgarian        bn ben bengali
bo bod tibetan          br bre breton           bs bos bosnian          ca cat catalan
cs ces czech            cy cym welsh            da dan danish           de deu german
el ell greek            en eng english          eo epo esperanto        es spa spanish
et est estonian         eu eus basque           fa fas persian          fi fin finnish
fo fao faroese          fr fra french           fy fry frisian          ga gle irish
gl glg galician         gu guj gujarati         ha hau hausa            he heb hebrew
hi hin hindi            hr hrv croatian         ht hat haitian          hu hun hungarian
hy hye armenian         id ind indonesian       ig ibo igbo             is isl icelandic
it ita italian          ja jpn japanese         jv jav javanese         ka kat georgian
kk kaz kazakh           km khm khmer            kn kan kannada          ko kor korean
ku kur kurdish          ky kir kyrgyz           la lat latin            lb ltz luxembourgish
ln lin lingala          lo lao lao              lt lit lithuanian       lv lav latvian
mg mlg malagasy         mi mri maori            mk mkd macedonian       ml mal malayalam
mn mon mongolian        mr mar marathi          ms msa malay            mt mlt maltese
my mya burmese          ne nep nepali           nl nld dutch            nn nno nynorsk
no nor norwegian        nb nob bokmal           oc oci occitan          or ori odia
pa pan punjabi          pl pol polish           ps pus pashto           pt por portuguese
ro ron romanian         ru rus russian          sa san sanskrit         sd snd sindhi
si sin sinhala          sk slk slovak           sl slv slovenian        sn sna shona
so som somali           sq sqi albanian         sr srp serbian          su sun sundanese
sv swe swedish          sw swa swahili          ta tam tamil            te tel telugu
tg tgk tajik            th tha thai             tk tuk turkmen          tl tgl tagalog
tr tur turkish          tt tat tatar            uk ukr ukrainian        ur urd urdu
uz uzb uzbek            vi vie vietnamese       wo wol wolof            xh xho xhosa
yi yid yiddish          yo yor yoruba           zh zho chinese          zu zul zulu
"""
"""Two letters (ISO 639-1), three (639-3) and the English name."""

_MORE = {
    "alb": "sq", "arm": "hy", "baq": "eu", "bur": "my", "chi": "zh", "cze": "cs", "dut": "nl",
    "fre": "fr", "geo": "ka", "ger": "de", "gre": "el", "ice": "is", "mac": "mk", "mao": "mi",
    "may": "ms", "per": "fa", "rum": "ro", "slo": "sk", "tib": "bo", "wel": "cy",
    "cmn": "zh", "mandarin": "zh", "farsi": "fa", "filipino": "tl", "fil": "tl", "castilian": "es",
    "flemish": "nl", "gaelic": "ga", "iw": "he", "in": "id",
}  # fmt: skip
"""Library codes of three letters (639-2/B), other names, and codes of former times."""


def _known() -> dict[str, str]:
    entries = re.findall(r"(\w+) (\w+) (\w+)", _TABLE)
    return {name: code for code, *names in entries for name in (code, *names)} | _MORE


_CODES = _known()


class LanguageCode(str):
    """A language in one spelling: two letters, and a region or script where one was given.

    It is a `str`, so it can be used wherever a code is wanted. What is not known, such as a
    provider's own "multi", stays as it is, in small letters.
    """

    __slots__ = ()

    def __new__(cls, value: str) -> LanguageCode:
        """Take any spelling; raises ValueError for an empty one."""
        words = re.split(r"[-_\s]+", value.strip())
        if not words[0]:
            raise ValueError("a language must not be empty")
        base = _CODES.get(words[0].lower(), words[0].lower())
        return super().__new__(cls, "-".join([base, *map(_subtag, words[1:])]))

    @property
    def language(self) -> str:
        """Without region and script: `en` of `en-US`."""
        return self.split("-", maxsplit=1)[0]

    @property
    def region(self) -> str | None:
        """The country or area: `US` of `en-US`, `419` of `es-419`; None where there is none."""
        for tag in self.split("-")[1:]:
            if len(tag) == 2 or tag.isdecimal():
                return tag
        return None


def _subtag(tag: str) -> str:
    """Regions in capitals and scripts with one, as RFC 5646 writes them."""
    if len(tag) == 2:
        return tag.upper()
    return tag.title() if len(tag) == 4 else tag.lower()
