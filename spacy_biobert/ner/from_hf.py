"""A token classifier that was fine-tuned with Hugging Face's tools, as a pipeline of ``biobert`` and ``biobert_ner``.

Nothing is trained. The encoder is read as every other checkpoint is, and the classifier, one linear layer in every
family that the encoder reads, becomes that of the head, its classes in the order of the head's tags. A word is scored
by its first piece, as those classifiers were trained, so on the same words both compute the same scores. What is new
is that only valid sequences of tags are decoded.

Byte-level vocabularies (RoBERTa) spell a word one way after a space and another way elsewhere. The head's words are
spelled as they stand in the text, the first of a doc as if a space stood before it. Words that were given to Hugging
Face's tokenizer one by one (``is_split_into_words``) are all spelled as after a space: the scores agree where the text
has a space before each word, or where the other side is given the text as it stands.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import cast, get_args

import numpy as np
import numpy.typing as npt
import spacy
from spacy.language import Language
from spacy.util import get_lang_class
from thinc.types import Floats1d, Floats2d

from ..encoder.checkpoints import Checkpoint, load_checkpoint, locate_checkpoint, open_tensors
from ..encoder.component import BioBert
from ..encoder.shim import encoder_shim
from ..encoder.storage import SaveDtype
from ..encoder.tokenization import Casing
from ..errors import Errors
from .class_names import ClassTags, read_class_names
from .component import BiobertNer

Floats = npt.NDArray[np.float32]

NEVER = -100.0
"""Score of a tag that the classifier has no class for: e⁻¹⁰⁰ is no chance, even beside scores around zero. It is not
-inf because optimizers, which average and decay weights, would make it NaN if the pipeline is trained further."""

_TASK = "ForTokenClassification"
_LONGEST_WINDOW = 512


def from_hf(
    name: str | Path,
    *,
    label: str | None = None,
    tags: Mapping[str, str] | None = None,
    casing: Casing = "auto",
    save_dtype: SaveDtype = "float32",
    lang: str = "en",
    meta: Mapping[str, str] | None = None,
) -> Language:
    """Make a pipeline of a fine-tuned token classifier, ready to be used or saved.

    Args:
        name: A checkpoint's folder, or its name on the hub. The pipeline does not need it any more.
        label: The label of tags that name none (B in place of B-Disease).
        tags: The tag that is meant by a class, for classes whose names are no tags; "" leaves a class out.
        casing: Whether text is lower-cased, see `spacy_biobert.Encoder.v1`.
        save_dtype: How the encoder's weights are stored: "float32", "float16" or "int8".
        lang: Language of the pipeline.
        meta: The pipeline's meta data, such as its name and version.

    Returns:
        The pipeline. Its tokens are those of ``spacy_biobert.Tokenizer.v1``, its windows as long as the checkpoint
        allows, at most 512 pieces.

    Raises:
        FileNotFoundError: There is no such checkpoint, or a file of it is missing.
        ValueError: It is damaged, no token classifier, or its classes are not named as tags.
    """
    if save_dtype not in get_args(SaveDtype):
        known = ", ".join(get_args(SaveDtype))
        raise ValueError(Errors.B022.format(option="save_dtype", value=save_dtype, known=known))
    checkpoint = load_checkpoint(name, casing=casing)
    _check_task(checkpoint, str(name))
    weights, bias = _read_classifier(name, checkpoint.bert.config.width)
    # Where no names are stored, these are what Hugging Face's tools show.
    names = checkpoint.settings.get("id2label") or {}
    classes = [str(names.get(str(i), f"LABEL_{i}")) for i in range(len(weights))]
    class_tags = read_class_names(classes, where=str(name), label=label, tags=tags)
    # Of a folder only the last part: it may be gone tomorrow, and where it lay is nobody's business.
    source = Path(name).name if Path(name).is_dir() else str(name)
    nlp = _blank(lang, {"name": _slug(name), "description": f"Named entities by {source}", **(meta or {})})
    encoder_config = {
        "@architectures": "spacy_biobert.Encoder.v1",
        "name": source,
        "casing": casing,
        "pooling": "first",
        "window": min(checkpoint.max_pieces, _LONGEST_WINDOW),
        "save_dtype": save_dtype,
    }
    encoder = cast(BioBert, nlp.add_pipe("biobert", config={"model": encoder_config}))
    encoder_shim(encoder.model).set_checkpoint(checkpoint)
    head = cast(BiobertNer, nlp.add_pipe("biobert_ner", config={"scheme": class_tags.scheme}))
    nlp.config["initialize"]["components"][head.name] = {"labels": list(class_tags.labels)}
    nlp.initialize()
    _set_classifier(head, class_tags, weights, bias)
    return nlp


def _check_task(checkpoint: Checkpoint, name: str) -> None:
    """Refuse what says that it is something else, be its last layer of the same name."""
    for architecture in checkpoint.settings.get("architectures") or ():
        if not str(architecture).endswith(_TASK):
            raise ValueError(Errors.B050.format(name=name, reason=f"its config.json says {architecture}"))


def _read_classifier(name: str | Path, width: int) -> tuple[Floats, Floats]:
    """Read the classifier's weights, (n_classes, width), and bias, (n_classes,)."""
    tensors = open_tensors(locate_checkpoint(name))
    if "classifier.weight" not in tensors:
        raise ValueError(Errors.B050.format(name=name, reason="it has no linear layer 'classifier'"))
    weights = tensors["classifier.weight"].float().numpy()
    bias = tensors["classifier.bias"].float().numpy() if "classifier.bias" in tensors else np.zeros(len(weights), "f")
    if weights.ndim != 2 or weights.shape[1] != width or bias.shape != weights.shape[:1]:
        reason = f"its layer 'classifier' has the shape {weights.shape}, where (classes, {width}) is needed"
        raise ValueError(Errors.B050.format(name=name, reason=reason))
    return weights, bias


def _set_classifier(head: BiobertNer, class_tags: ClassTags, weights: Floats, bias: Floats) -> None:
    """Give the head a classifier's rows in the order of its own tags."""
    known = class_tags.classes >= 0
    rows = class_tags.classes[known]
    output = head.model.get_ref("output_layer")
    ordered = np.zeros((len(known), weights.shape[1]), dtype=np.float32)
    ordered[known] = weights[rows]
    ordered_bias = np.full(len(known), NEVER, dtype=np.float32)
    ordered_bias[known] = bias[rows]
    output.set_param("W", output.ops.asarray2f(cast(Floats2d, ordered)))
    output.set_param("b", output.ops.asarray1f(cast(Floats1d, ordered_bias)))


def _blank(lang: str, meta: Mapping[str, str]) -> Language:
    try:
        get_lang_class(lang)
    except ImportError as error:
        raise ValueError(Errors.B057.format(lang=lang)) from error
    tokenizer = {"@tokenizers": "spacy_biobert.Tokenizer.v1"}
    return spacy.blank(lang, config={"nlp": {"tokenizer": tokenizer, "batch_size": 64}}, meta=dict(meta))


def _slug(name: str | Path) -> str:
    """Turn a checkpoint's name into one that a package can have."""
    return re.sub(r"\W+", "_", Path(name).name.lower()).strip("_") or "ner"
