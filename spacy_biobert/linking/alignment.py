"""Learns vectors of names from which names mean the same: SapBERT's self-alignment, on bags of words and trigrams.

F. Liu, E. Shareghi, Z. Meng, M. Basaldella and N. Collier, *Self-alignment pretraining for biomedical entity
representations*, NAACL 2021, https://aclanthology.org/2021.naacl-main.334: names of the same concept are drawn
together, names of different concepts pushed apart, by the multi-similarity loss with hard pairs (X. Wang et al., CVPR
2019, https://arxiv.org/abs/1904.06627). Here a batch is made of concepts and their nearest neighbours in spelling, so
that hard pairs need not be waited for. Vectors start as random projections weighted by how rare a feature is, whose
cosine is about that of TF-IDF: the training starts from what the lexical look-up knows.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from ..errors import Errors
from .dense import NameEncoder, feature_counts
from .features import extract_features
from .kb import KnowledgeBase
from .normalization import name_words

NAMES_PER_CONCEPT = 3
NEIGHBOURS_PER_CONCEPT = 3
N_NEIGHBOURS = 8
MENTIONED_WEIGHT = 6.0
"""How much more often a concept is drawn that the corpus mentions."""
WARMUP_STEPS = 50


@dataclass(frozen=True, slots=True)
class AlignmentSettings:
    """How vectors are learned.

    Attributes:
        width: Size of a vector.
        steps: Number of batches.
        concepts: Concepts that a batch is grown from; with neighbours, and three names of each, it holds about ten
            times as many names.
        learn_rate: Highest learning rate of Adam; it rises over 50 steps and falls to nothing.
        seed: Of everything random.
    """

    width: int = 128
    steps: int = 1000
    concepts: int = 64
    learn_rate: float = 0.02
    seed: int = 0


def train_name_encoder(
    kb: KnowledgeBase,
    mentions: Mapping[str, Iterable[str]] | None = None,
    *,
    settings: AlignmentSettings | None = None,
    report: Callable[[int, float], None] | None = None,
) -> NameEncoder:
    """Learn to encode names.

    Args:
        kb: Its synonyms are what is learned from.
        mentions: For ids of concepts, texts that a corpus mentions them by; they count as names, in training only.
        settings: See :class:`AlignmentSettings`.
        report: Called after each step with its number, from 1, and the mean loss of late.

    Returns:
        The encoder. The same input and settings give the same vectors on the same machine.

    Raises:
        ValueError: No concept has two names, or a setting makes no sense.
    """
    settings = settings or AlignmentSettings()
    for option in ("width", "steps", "concepts"):
        if getattr(settings, option) < 1:
            raise ValueError(Errors.B221.format(option=option, value=getattr(settings, option), expected="at least 1"))
    sampler = _Sampler(kb, mentions or {}, settings)
    names = [name for group in sampler.names for name in group]
    codes = np.unique(extract_features([name_words(name) for name in names])[0])
    counts = feature_counts(names, codes)
    generator = torch.Generator().manual_seed(settings.seed)
    rarity = np.log((1 + len(names)) / (1 + counts.getnnz(axis=0))) + 1
    start = torch.randn(len(codes), settings.width, generator=generator) * settings.width**-0.5
    bag = torch.nn.EmbeddingBag.from_pretrained(
        start * torch.tensor(rarity, dtype=torch.float32)[:, None], freeze=False, mode="sum", sparse=True
    )
    optimizer = torch.optim.SparseAdam(list(bag.parameters()), lr=settings.learn_rate)
    late = 0.0
    for step in range(1, settings.steps + 1):
        share = min(1.0, step / WARMUP_STEPS) * (1 - (step - 1) / settings.steps)
        optimizer.param_groups[0]["lr"] = settings.learn_rate * share
        rows, concepts = sampler.batch()
        some = counts[rows]
        features = torch.from_numpy(some.indices.astype(np.int64))
        offsets = torch.from_numpy(some.indptr[:-1].astype(np.int64))
        vectors = F.normalize(bag(features, offsets, per_sample_weights=torch.from_numpy(some.data)))
        loss = multi_similarity_loss(vectors, torch.from_numpy(concepts))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        late = loss.item() if step == 1 else 0.98 * late + 0.02 * loss.item()
        if report is not None:
            report(step, late)
    return NameEncoder(codes, bag.weight.detach().numpy())


def multi_similarity_loss(
    vectors: Tensor, concepts: Tensor, *, alpha: float = 2.0, beta: float = 50.0, base: float = 0.5, margin: float = 0.1
) -> Tensor:
    """Compute the multi-similarity loss of a batch, with its mining of pairs.

    Of the pairs with the same concept count those less similar than the most similar pair with another, but for a
    margin; of the pairs with different concepts those more similar than the least similar pair with the same.

    Args:
        vectors: Unit vectors, (n, width).
        concepts: The concept of each, (n,).
        alpha: Sharpness with which dissimilar pairs of the same concept count.
        beta: Sharpness with which similar pairs of different concepts count.
        base: The similarity that tells them apart.
        margin: By how much a pair may be on the right side and still count.

    Returns:
        The mean over the batch.
    """
    similarities = vectors @ vectors.T
    same = concepts[:, None] == concepts
    positive = same & ~torch.eye(len(concepts), dtype=torch.bool)
    negative = ~same
    hardest_positive = similarities.masked_fill(~positive, 2.0).amin(dim=1, keepdim=True)
    hardest_negative = similarities.masked_fill(~negative, -2.0).amax(dim=1, keepdim=True)
    positive &= similarities - margin < hardest_negative
    negative &= (similarities + margin > hardest_positive) & (hardest_positive < 2.0)
    pulled = (torch.exp(-alpha * (similarities - base)) * positive).sum(dim=1)
    pushed = (torch.exp(beta * (similarities - base)) * negative).sum(dim=1)
    return (torch.log1p(pulled) / alpha + torch.log1p(pushed) / beta).mean()


class _Sampler:
    """Draws batches: some concepts, some of those spelled most like them, and names of each."""

    def __init__(self, kb: KnowledgeBase, mentions: Mapping[str, Iterable[str]], settings: AlignmentSettings) -> None:
        concepts = list(kb.concepts())
        rows = {concept.id: row for row, concept in enumerate(concepts)}
        self.names = [list(dict.fromkeys([*concept.names, *mentions.get(concept.id, ())])) for concept in concepts]
        self._drawn = [row for row, names in enumerate(self.names) if len(names) > 1]
        if not self._drawn:
            raise ValueError(Errors.B240.format(path=kb.folder))
        weights = [MENTIONED_WEIGHT if concepts[row].id in mentions else 1.0 for row in self._drawn]
        self._weights = list(accumulate(weights))
        found = kb.candidates([concept.name for concept in concepts], N_NEIGHBOURS)
        self._neighbours = [
            [rows[candidate.concept_id] for candidate in candidates if rows[candidate.concept_id] != row]
            for row, candidates in enumerate(found)
        ]
        self._starts = list(accumulate((len(names) for names in self.names), initial=0))
        self._size = settings.concepts
        self._random = random.Random(settings.seed)

    def batch(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return rows of names and the concept of each, both of shape (n,)."""
        chosen: set[int] = set()
        for concept in self._random.choices(self._drawn, cum_weights=self._weights, k=self._size):
            chosen.add(concept)
            chosen.update(self._sample(self._neighbours[concept], NEIGHBOURS_PER_CONCEPT))
        rows: list[int] = []
        concepts: list[int] = []
        for concept in sorted(chosen):
            names = self._sample(range(self._starts[concept], self._starts[concept + 1]), NAMES_PER_CONCEPT)
            rows += names
            concepts += [concept] * len(names)
        return np.array(rows, dtype=np.int64), np.array(concepts, dtype=np.int64)

    def _sample(self, items: Sequence[int], n: int) -> list[int]:
        return self._random.sample(items, min(n, len(items)))
