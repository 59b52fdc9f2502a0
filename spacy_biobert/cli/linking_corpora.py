"""What the linking commands read: corpora with concept ids, pipelines, knowledge bases and encoders."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import spacy
from spacy import Language
from spacy.tokens import Doc
from spacy.util import is_package

from ..corpora.readers import pubtator_docs
from ..corpora.spacy_files import files_of_docs, read_docs
from ..errors import Errors
from ..linking.component import Linker
from ..linking.folder import MANIFEST
from ..linking.kb import KnowledgeBase
from .pipelines import load_pipeline

if TYPE_CHECKING:
    from ..encoder.checkpoints import Checkpoint
    from ..encoder.component import BioBert


def read_references(path: Path, nlp: Language) -> list[Doc]:
    """Read gold docs from a ``.spacy`` file, a folder of them, or a PubTator file by the pipeline's tokenizer.

    Raises:
        ValueError: A file is damaged, or something else, or the folder has no ``.spacy`` file.
    """
    if path.is_dir():
        return [doc for file in files_of_docs(path) for doc in read_references(file, nlp)]
    if path.suffix == ".spacy":
        return read_docs(path, nlp.vocab)
    return list(pubtator_docs(path, nlp.make_doc))


def read_all(paths: Iterable[Path] | None, nlp: Language) -> list[Doc]:
    """Read gold docs from several places, see :func:`read_references`; none where none are named."""
    return [doc for path in paths or () for doc in read_references(path, nlp)]


def load_encoder(name: str) -> Checkpoint:
    """Load an encoder: a checkpoint's by its folder or hub name, or that of a pipeline, by its folder or package.

    Raises:
        FileNotFoundError: There is no such checkpoint.
        ValueError: The pipeline has no encoder, or a file is damaged.
    """
    # Every spaCy command imports this module, and few need an encoder.
    from ..encoder.checkpoints import load_checkpoint
    from ..encoder.shim import encoder_shim

    if not (Path(name) / "config.cfg").is_file() and not is_package(name):
        return load_checkpoint(name)
    return encoder_shim(find_encoder(load_pipeline(name), name).model).checkpoint


def find_encoder(nlp: Language, name: str) -> BioBert:
    """Return the encoder of a pipeline, whose name is for messages.

    Raises:
        ValueError: It has none.
    """
    encoder = _encoder_of(nlp)
    if encoder is None:
        raise ValueError(Errors.B510.format(model=name, pipes=", ".join(nlp.pipe_names)))
    return encoder


def encode(nlp: Language, docs: Sequence[Doc]) -> list[Doc]:
    """Return docs with the token vectors of a pipeline's encoder, where it has one."""
    encoder = _encoder_of(nlp)
    return list(docs if encoder is None else encoder.pipe(docs))


def _encoder_of(nlp: Language) -> BioBert | None:
    from ..encoder.component import BioBert

    return next((pipe for _, pipe in nlp.pipeline if isinstance(pipe, BioBert)), None)


def load_linking_pipeline(model: str) -> Language:
    """Load a pipeline; a folder of a knowledge base gives one that has nothing but a linker, ranking by spelling."""
    if not (Path(model) / MANIFEST).is_file() or (Path(model) / "config.cfg").is_file():
        return load_pipeline(model)
    kb = KnowledgeBase.open(model)
    nlp = spacy.blank("en")
    linker = nlp.add_pipe("biobert_linker", config={"split_composites": True})
    if isinstance(linker, Linker):
        linker.kb = kb
    return nlp


def find_linker(nlp: Language, name: str | None, model: str) -> Linker:
    """Return the linker of a pipeline: the one that is named, or the last.

    Raises:
        ValueError: There is none.
    """
    linkers = {known: pipe for known, pipe in nlp.pipeline if isinstance(pipe, Linker)}
    chosen = name or next(reversed(linkers), "biobert_linker")
    if chosen not in linkers:
        known = ", ".join(linkers) or "no linker"
        raise ValueError(Errors.B246.format(model=model, name=chosen, known=known))
    return linkers[chosen]
