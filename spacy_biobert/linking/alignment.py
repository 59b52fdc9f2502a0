"""Learns vectors of names from which names mean the same: SapBERT's self-alignment, by bags or by a transformer.

F. Liu, E. Shareghi, Z. Meng, M. Basaldella and N. Collier, *Self-alignment pretraining for biomedical entity
representations*, NAACL 2021, https://aclanthology.org/2021.naacl-main.334: names of the same concept are drawn
together, names of different concepts pushed apart, by the multi-similarity loss with hard pairs (X. Wang et al., CVPR
2019, https://arxiv.org/abs/1904.06627). Batches come from :class:`.SynonymSampler`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from ..encoder.checkpoints import Checkpoint
from ..encoder.precision import resolve_precision
from ..errors import Errors
from .bag_encoder import BagEncoder, feature_counts
from .features import extract_features
from .kb import KnowledgeBase
from .normalization import name_words
from .synonyms import SynonymSampler
from .transformer_encoder import TransformerEncoder

WARMUP_STEPS = 50
DROPOUT = 0.1
"""Of a transformer's hidden states."""

Mentions = Mapping[str, Iterable[str]]
Report = Callable[[int, float], None]


@dataclass(frozen=True, slots=True)
class BagSettings:
    """How vectors of words and trigrams are learned.

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


@dataclass(frozen=True, slots=True)
class TransformerSettings:
    """How a transformer learns to read names; the attributes mean what they mean in :class:`BagSettings`.

    Attributes:
        runs: Trainings, each with the next seed, whose weights are averaged. They start from the same weights and stay
            near enough to one another that the mean of all is at least as good as one (Wortsman et al. 2022, "Model
            soups", ICML), and it costs no more to use.
    """

    steps: int = 600
    concepts: int = 32
    learn_rate: float = 3e-4
    seed: int = 0
    runs: int = 1


def train_bag_encoder(
    kb: KnowledgeBase,
    mentions: Mentions | None = None,
    *,
    settings: BagSettings | None = None,
    report: Report | None = None,
) -> BagEncoder:
    """Learn vectors of words and trigrams.

    They start as random projections weighted by how rare a feature is, whose cosine is about that of TF-IDF: the
    training starts from what the lexical look-up knows.

    Args:
        kb: Its synonyms are what is learned from.
        mentions: For ids of concepts, texts that a corpus mentions them by; they count as names, in training only.
        settings: See :class:`BagSettings`.
        report: Called after each step with its number, from 1, and the mean loss of late.

    Returns:
        The encoder. The same input and settings give the same vectors on the same machine.

    Raises:
        ValueError: No concept has two names, or a setting makes no sense.
    """
    settings = settings or BagSettings()
    _check(settings, ("width", "steps", "concepts"))
    sampler = SynonymSampler(kb, mentions, concepts=settings.concepts, seed=settings.seed)
    codes = np.unique(extract_features([name_words(name) for name in sampler.names])[0])
    counts = feature_counts(sampler.names, codes)
    generator = torch.Generator().manual_seed(settings.seed)
    rarity = np.log((1 + len(sampler.names)) / (1 + counts.getnnz(axis=0))) + 1
    start = torch.randn(len(codes), settings.width, generator=generator) * settings.width**-0.5
    bag = nn.EmbeddingBag.from_pretrained(
        start * torch.tensor(rarity, dtype=torch.float32)[:, None], freeze=False, mode="sum", sparse=True
    )

    def encode(rows: NDArray[np.int64]) -> Tensor:
        some = counts[rows]
        features = torch.from_numpy(some.indices.astype(np.int64))
        offsets = torch.from_numpy(some.indptr[:-1].astype(np.int64))
        return F.normalize(bag(features, offsets, per_sample_weights=torch.from_numpy(some.data)))

    _align(sampler, encode, torch.optim.SparseAdam(list(bag.parameters())), settings, report)
    return BagEncoder(codes, bag.weight.detach().numpy())


def train_transformer_encoder(
    kb: KnowledgeBase,
    checkpoint: Checkpoint,
    mentions: Mentions | None = None,
    *,
    device: str = "auto",
    settings: TransformerSettings | None = None,
    report: Report | None = None,
) -> TransformerEncoder:
    """Teach a transformer which names mean the same.

    Args:
        kb: Its synonyms are what is learned from.
        checkpoint: Where to start: any BERT, best one that knows biomedical text. Its weights are changed.
        mentions: For ids of concepts, texts that a corpus mentions them by; they count as names, in training only.
        device: Where to train: ``"auto"``, ``"cpu"``, ``"cuda:N"`` or ``"mps"``.
        settings: See :class:`TransformerSettings`.
        report: Called after each step with its number, from 1 and on through all runs, and the mean loss of late.

    Returns:
        The encoder.

    Raises:
        ValueError: No concept has two names, or a setting makes no sense.
    """
    settings = settings or TransformerSettings()
    _check(settings, ("steps", "concepts", "runs"))
    weights = dict(checkpoint.bert.named_parameters())
    start = {name: some.detach().clone() for name, some in weights.items()}
    mean = {name: torch.zeros_like(some) for name, some in start.items()}
    for run in range(settings.runs):
        _assign(weights, start)
        shifted = None if report is None else _shifted(report, run * settings.steps)
        one = replace(settings, seed=settings.seed + run)
        encoder = _train_once(kb, checkpoint, mentions, device, one, shifted)
        for name, some in weights.items():
            mean[name] += some.detach().cpu() / settings.runs
    _assign(weights, mean)
    encoder.runtime.weights_changed()
    return encoder


def _train_once(
    kb: KnowledgeBase,
    checkpoint: Checkpoint,
    mentions: Mentions | None,
    device: str,
    settings: TransformerSettings,
    report: Report | None,
) -> TransformerEncoder:
    """Make one run; the checkpoint's weights are changed."""
    sampler = SynonymSampler(kb, mentions, concepts=settings.concepts, seed=settings.seed)
    encoder = TransformerEncoder(checkpoint, device=device)
    autocast = resolve_precision("auto", encoder.runtime.device, training=True) == "bfloat16"
    weights = list(checkpoint.bert.parameters())
    torch.manual_seed(settings.seed)
    checkpoint.bert.set_dropout(DROPOUT, 0.0)

    def encode(rows: NDArray[np.int64]) -> Tensor:
        return encoder.train([sampler.names[row] for row in rows.tolist()], autocast=autocast)

    optimizer = torch.optim.AdamW(weights, weight_decay=0.01, fused=True)
    _align(sampler, encode, optimizer, settings, report, clipped=weights)
    checkpoint.bert.set_dropout(0.0, 0.0)
    return encoder


@torch.no_grad()
def _assign(weights: Mapping[str, Tensor], values: Mapping[str, Tensor]) -> None:
    for name, some in weights.items():
        some.copy_(values[name])


def _shifted(report: Report, by: int) -> Report:
    return lambda step, loss: report(by + step, loss)


def _check(settings: BagSettings | TransformerSettings, counts: Iterable[str]) -> None:
    for option in counts:
        if getattr(settings, option) < 1:
            raise ValueError(Errors.B221.format(option=option, value=getattr(settings, option), expected="at least 1"))


def _align(
    sampler: SynonymSampler,
    encode: Callable[[NDArray[np.int64]], Tensor],
    optimizer: torch.optim.Optimizer,
    settings: BagSettings | TransformerSettings,
    report: Report | None,
    *,
    clipped: Sequence[nn.Parameter] = (),
) -> None:
    """Draw synonyms together; ``encode`` turns rows of the sampler's names into unit vectors."""
    late = 0.0
    for step in range(1, settings.steps + 1):
        share = min(1.0, step / WARMUP_STEPS) * (1 - (step - 1) / settings.steps)
        for group in optimizer.param_groups:
            group["lr"] = settings.learn_rate * share
        rows, concepts = sampler.batch()
        vectors = encode(rows)
        loss = multi_similarity_loss(vectors, torch.from_numpy(concepts).to(vectors.device))
        optimizer.zero_grad()
        loss.backward()
        if clipped:
            nn.utils.clip_grad_norm_(clipped, 1.0)
        optimizer.step()
        late = loss.item() if step == 1 else 0.98 * late + 0.02 * loss.item()
        if report is not None:
            report(step, late)


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
    positive = same & ~torch.eye(len(concepts), dtype=torch.bool, device=concepts.device)
    negative = ~same
    hardest_positive = similarities.masked_fill(~positive, 2.0).amin(dim=1, keepdim=True)
    hardest_negative = similarities.masked_fill(~negative, -2.0).amax(dim=1, keepdim=True)
    positive &= similarities - margin < hardest_negative
    negative &= similarities + margin > hardest_positive  # 2 where there is none, and no pair is as similar
    pulled = (torch.exp(-alpha * (similarities - base)) * positive).sum(dim=1)
    pushed = (torch.exp(beta * (similarities - base)) * negative).sum(dim=1)
    return (torch.log1p(pulled) / alpha + torch.log1p(pushed) / beta).mean()
