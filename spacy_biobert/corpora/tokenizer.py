r"""spaCy's tokenizer with rules for biomedical text: every mark of punctuation is a token of its own.

Biomedical names begin and end inside what English calls a word: ``CYP)-induced``, ``heparin-induced``, ``BRCA1/2``.
Wherever letters meet punctuation a mention may end, so that is where words are cut, which is also what BERT does before
it looks up word pieces: no piece ever crosses a token, and a corpus that was tokenized this way gives the model the
same pieces as raw text does. Only numbers stay whole: ``3.5``, ``1,25``.

The rules are a single regular expression that finds the empty strings between two tokens. There are no prefixes,
suffixes or exceptions, which makes it faster than the English rules, and linear in the length of a word.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from configparser import Error as ConfigParserError
from pathlib import Path

import spacy
from spacy.language import Language
from spacy.tokenizer import Tokenizer
from spacy.util import load_config, load_model_from_config

from ..errors import Errors

# Accents that follow their letter, joiners and selectors are neither \w nor punctuation, but a part of their word.
_JOINED = "\u00ad\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u200b-\u200d\u2060\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f"
_MARK = rf"(?:[^\w\s{_JOINED}]|_)"
_MARK_BUT_POINT = rf"(?:[^\w\s.,{_JOINED}]|_)"
# Zero-width: before and after each mark, but never at the ends of a word.
_BOUNDARY = rf"(?<={_MARK})(?=\S)|(?<=\S)(?={_MARK})"
_BOUNDARY_BUT_IN_NUMBERS = (
    rf"(?<={_MARK_BUT_POINT})(?=\S)|(?<=\S)(?={_MARK_BUT_POINT})"
    r"|(?<=\S)(?=[.,])(?!(?<=[0-9])[.,][0-9])|(?<=[.,])(?=\S)(?!(?<=[0-9][.,])[0-9])"
)


def make_tokenizer(*, split_numbers: bool = False) -> Callable[[Language], Tokenizer]:
    """Make the tokenizer registered as ``spacy_biobert.Tokenizer.v1``.

    Args:
        split_numbers: Cut numbers too at each point and comma, ``3.5`` into three tokens. Raw text then has exactly the
            tokens of the IOB corpora of the MTL-Bioinformatics-2016 collection (Crichton et al., 2017,
            https://doi.org/10.1186/s12859-017-1776-8).

    Returns:
        A function from a pipeline to a `spacy.tokenizer.Tokenizer`, which is stored with the pipeline as usual.
    """
    boundary = _BOUNDARY if split_numbers else _BOUNDARY_BUT_IN_NUMBERS

    def create_tokenizer(nlp: Language) -> Tokenizer:
        return Tokenizer(nlp.vocab, infix_finditer=re.compile(boundary).finditer)

    return create_tokenizer


def blank_pipeline(config: Path | None = None) -> Language:
    """Make a pipeline that does nothing but tokenize, as a training config says.

    Args:
        config: The config; None takes English with this package's tokenizer.

    Returns:
        The pipeline, without components, so that no model has to be loaded.

    Raises:
        FileNotFoundError: There is no such config.
        ValueError: It is no config, or does not say which language it is for.
    """
    if config is None:
        nlp = spacy.blank("en")
        nlp.tokenizer = make_tokenizer()(nlp)
        return nlp
    if not config.is_file():
        raise FileNotFoundError(Errors.B301.format(path=config))
    try:
        settings = load_config(config, interpolate=True).get("nlp", {})
    except (ValueError, ConfigParserError) as error:
        raise ValueError(Errors.B334.format(path=config, reason=" ".join(str(error).split()))) from error
    if not settings.get("lang"):
        raise ValueError(Errors.B332.format(path=config))
    section = {key: settings[key] for key in ("lang", "tokenizer") if key in settings}
    return load_model_from_config({"nlp": {**section, "pipeline": []}}, auto_fill=True)
