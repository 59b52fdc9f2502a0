"""Token vectors -> tag scores."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy
import numpy.typing as npt
from spacy.tokens import Doc
from thinc.api import Dropout, Linear, Model, NumpyOps, Ops, chain
from thinc.types import Floats2d

_NUMPY_OPS = NumpyOps()  # lengths stay on the CPU, where the lists are cut

TagScores = list[Floats2d]
TokenClassifier = Model[list[Doc], TagScores]


def build_token_classifier_v1(
    tok2vec: Model[list[Doc], list[Floats2d]],
    nO: int | None = None,
) -> TokenClassifier:
    """Build ``spacy_biobert.TokenClassifier.v1``: one linear layer on the vector of each token.

    The rate of dropout on the vectors is the one that training passes (``[training] dropout``). Weights start as in
    BERT's own classifiers, from a normal distribution of standard deviation 0.02 (Devlin et al. 2019).

    Args:
        tok2vec: Docs -> one array of shape (n_tokens, width) for each doc.
        nO: Number of tags; None leaves it to the component's labels.

    Returns:
        Docs -> one float32 array of shape (n_tokens, nO) for each doc, unnormalized scores of the tags. Docs without
        tokens give arrays of shape (0, nO), even if no doc of the batch has a token.
    """
    width = tok2vec.get_dim("nO") if tok2vec.has_dim("nO") else None
    output: Model[Floats2d, Floats2d] = Linear(nO, width, init_W=_normal_init)
    dropout: Model[Floats2d, Floats2d] = Dropout()
    head: Model[Floats2d, Floats2d] = chain(dropout, output)
    return Model(
        "token_classifier",
        forward,
        init=init,
        layers=[tok2vec, head],
        dims={"nO": nO},
        refs={"tok2vec": tok2vec, "output_layer": output},
    )


def forward(
    model: TokenClassifier, docs: list[Doc], is_train: bool
) -> tuple[TagScores, Callable[[TagScores], list[Doc]]]:
    """Score the tags of every token: one matrix product for the whole batch."""
    tok2vec, head = model.layers
    ops = model.ops
    lengths = _NUMPY_OPS.asarray1i([len(doc) for doc in docs])
    if not any(len(doc) for doc in docs):
        empty = [ops.alloc2f(0, model.get_dim("nO")) for _ in docs]
        return empty, lambda _: []
    vectors, backprop_tok2vec = tok2vec(docs, is_train)
    flat_vectors = ops.asarray2f(ops.flatten(vectors))
    flat_scores, backprop_head = head(flat_vectors, is_train)

    def backprop(d_scores: TagScores) -> list[Doc]:
        d_vectors = backprop_head(ops.flatten(d_scores))
        return backprop_tok2vec(ops.unflatten(d_vectors, lengths))

    return ops.unflatten(flat_scores, lengths), backprop


def init(model: TokenClassifier, X: list[Doc] | None = None, Y: TagScores | None = None) -> None:
    """Initialize the layers. ``nO`` must be known, from the config or by ``set_dim``; ``Y`` is not needed."""
    tok2vec, head = model.layers
    output = model.get_ref("output_layer")
    tok2vec.initialize(X=X)
    if model.has_dim("nO") is None and Y is not None:
        model.set_dim("nO", Y[0].shape[1])
    if model.has_dim("nO"):
        output.set_dim("nO", model.get_dim("nO"))
    vectors = model.ops.flatten(tok2vec.predict(X)) if X and any(len(doc) for doc in X) else None
    head.initialize(X=vectors)


def start_outside(model: TokenClassifier, is_outside: npt.NDArray[numpy.bool_], *, share: float = 0.9) -> None:
    """Let an untrained classifier take most tokens to be outside of all mentions, as most are.

    Otherwise the first steps of training go into learning that, by gradients so large that they are clipped and weigh
    on the optimizer's estimates for long after (Lin et al. 2017, "Focal Loss for Dense Object Detection", ICCV,
    section 3.3).

    Args:
        model: As :func:`build_token_classifier_v1` builds it, initialized; any other is left alone.
        is_outside: (L, T) whether each score is that of "O", for L layers of T tags. Each layer has one.
        share: The probability of "O" to start with, where the vectors say nothing.
    """
    if model.has_ref("output_layer"):
        output = model.get_ref("output_layer")
        n_others = is_outside.shape[1] - 1
        bias = numpy.where(is_outside.ravel(), math.log(share / (1 - share) * n_others), 0.0)
        output.set_param("b", output.ops.asarray1f(bias.tolist()))


def _normal_init(ops: Ops, shape: tuple[int, int]) -> Floats2d:
    """Draw weights from N(0, 0.02²) by numpy's global state, as thinc's own initializers do."""
    weights = ops.alloc2f(*shape)
    weights += ops.xp.asarray(numpy.random.normal(scale=0.02, size=shape), dtype="float32")
    return weights
