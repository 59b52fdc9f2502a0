"""Whether the listeners in a head's model will hear anything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from spacy.tokens import Doc
from thinc.api import Model

# Layers are told by name: importing spacy-transformers' listener to compare types would load torch.
_TRANSFORMER_LISTENER = "transformer-listener"
_TOK2VEC_LISTENER = "tok2vec-listener"


def changed_doc(model: Model, docs: Sequence[Doc]) -> Doc | None:
    """Find a doc whose tokens were merged or split after a transformer gave them vectors, which a listener reads.

    Args:
        model: A head's model.
        docs: The docs to be processed.

    Returns:
        The first such doc, or None.
    """
    if not any(node.name == _TRANSFORMER_LISTENER for node in model.walk()):
        return None
    return next((doc for doc in docs if len(doc) and len(doc._.trf_data.align.lengths) != len(doc)), None)


def missing_upstream(model: Model, docs: Sequence[Doc] | None = None, *, is_train: bool = False) -> str | None:
    """Find a listener that no component before it has served.

    spaCy's listeners then either fail with a message about something else or, in prediction, return zeros in silence.

    Args:
        model: A head's model.
        docs: The docs to be processed. Without them, asks whether the listener has been connected at all.
        is_train: Whether the listener may get its vectors from an encoder's update, in place of from the docs.

    Returns:
        The name that the unserved listener waits for ("*" for any), or None if each one is served.
    """
    node: Any  # a listener has attributes that a Model does not declare
    for node in model.walk():
        if node.name not in (_TRANSFORMER_LISTENER, _TOK2VEC_LISTENER):
            continue
        if docs is None:
            served = bool(node.has_dim("nO"))
        elif is_train and node._batch_id is not None:
            served = True
        elif node.name == _TRANSFORMER_LISTENER:
            served = Doc.has_extension("trf_data") and all(doc._.trf_data is not None for doc in docs if len(doc))
        else:
            served = all(doc.tensor.size for doc in docs if len(doc))
        if not served:
            return str(node.upstream_name)
    return None
