"""Training as `spacy train` does it, with checkpoints from which it goes on when it was killed."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from spacy.language import Language
from spacy.schemas import ConfigSchemaTraining
from spacy.training import Example
from spacy.training.loop import (
    DIR_MODEL_LAST,
    clean_output_dir,
    create_before_to_disk_callback,
    create_evaluation_callback,
    update_meta,
)
from spacy.util import registry, resolve_dot_names
from thinc.api import fix_random_seed, set_gpu_allocator
from wasabi import Printer

from ..errors import Warnings
from .batches import fingerprint
from .checkpoint import CHECKPOINTS, Past, read_past, remove_checkpoints
from .compare import changed_versions, check_config, check_data
from .pipelines import recover_pipelines, save_pipeline
from .randomness import OwnRandomness
from .steps import Steps

_RECOGNIZERS = ("biobert_ner", "ner")


def train(
    nlp: Language,
    output: Path,
    *,
    resume: bool = False,
    every: int = 0,
    use_gpu: int = -1,
    stdout: IO[str] | None = None,
    stderr: IO[str] | None = None,
) -> Path:
    """Train a pipeline as `spacy.training.loop.train` does, writing checkpoints.

    In float32 on a CPU, a training that was killed and resumed ends with the weights of one that was not, bit for bit.
    They are those of `spacy train` too, unless a component draws from Python's `random`, as spaCy's parser and `ner`
    do: here the order of examples does not depend on what components draw, see `batches.Batches`.

    Args:
        nlp: Initialized by `spacy.training.initialize.init_nlp`, with the full config.
        output: Folder for ``model-best``, ``model-last`` and, until the end is reached, ``checkpoints``.
        resume: Go on from the checkpoint in the output folder, if there is one.
        every: Write a checkpoint every so many steps; 0 for after each evaluation.
        use_gpu: Number of the GPU, -1 for none.
        stdout: For messages; None: the process's own.
        stderr: For progress bars; None: the process's own.

    Returns:
        The folder of the last pipeline.

    Raises:
        ValueError: Config or corpora are not those of the checkpoint, or it is damaged.
    """
    stdout, stderr = stdout or sys.stdout, stderr or sys.stderr
    msg = Printer(no_print=True)
    root = output / CHECKPOINTS
    past = read_past(root) if resume else None
    config = nlp.config.interpolate()
    if past:
        check_config(past.state["config"], config, past.folder)
    if config["training"]["seed"] is not None:
        fix_random_seed(config["training"]["seed"])
    if use_gpu >= 0 and config["training"]["gpu_allocator"]:
        set_gpu_allocator(config["training"]["gpu_allocator"])
    settings = registry.resolve(config["training"], schema=ConfigSchemaTraining)
    train_corpus, dev_corpus = resolve_dot_names(config, [settings["train_corpus"], settings["dev_corpus"]])
    dev_labels: set[str] = set()
    with OwnRandomness()():
        dev = fingerprint(_noting_labels(dev_corpus(nlp), dev_labels))
    if past:
        check_data("development", past.state["data"]["dev"], dev, past.folder)
    evaluate = create_evaluation_callback(nlp, dev_corpus, settings["score_weights"])
    steps = Steps(nlp, settings, train_corpus, evaluate, past=past)
    before_to_disk = create_before_to_disk_callback(settings["before_to_disk"])

    def save(*, best: bool) -> None:
        with nlp.use_params(steps.optimizer.averages):
            save_pipeline(before_to_disk(nlp), output, best=best)

    output.mkdir(parents=True, exist_ok=True)
    if past:
        recover_pipelines(output)
    else:
        clean_output_dir(output)
        remove_checkpoints(root)
    for line in _announcements(nlp, settings):
        stdout.write(msg.info(line) + "\n")
    if warning := _warning_of_labels(nlp, settings, dev_labels):
        stdout.write(msg.warn(warning) + "\n")
    frozen = settings["frozen_components"]
    with nlp.select_pipes(disable=frozen):
        log_step, finalize_logger = settings["logger"](nlp, stdout, stderr)
    try:
        if past:
            for line in _what_it_goes_on_from(past, msg):
                stdout.write(line + "\n")
            for _, info, is_best in steps.replay(past):
                _note_scores(nlp, settings, info, is_best)
                log_step(info if is_best is not None else None)
        try:
            for _, info, is_best in steps:
                _note_scores(nlp, settings, info, is_best)
                if is_best is not None:
                    save(best=is_best)
                    info["output_path"] = str(output / DIR_MODEL_LAST)
                log_step(info if is_best is not None else None)
                if (info["step"] % every == 0) if every else (is_best is not None):
                    steps.write(root, config=config, dev=dev)
        except Exception as error:
            stdout.write(msg.warn(f"Aborting and saving the last weights. Encountered exception: {error!r}") + "\n")
            raise
        finally:
            save(best=False)
    finally:
        finalize_logger()
    remove_checkpoints(root)
    stdout.write(msg.good("Saved pipeline to output directory", output / DIR_MODEL_LAST) + "\n")
    return output / DIR_MODEL_LAST


def _announcements(nlp: Language, settings: Mapping[str, Any]) -> Iterator[str]:
    yield f"Pipeline: {nlp.pipe_names}"
    if settings["frozen_components"]:
        yield f"Frozen components: {settings['frozen_components']}"
    if settings["annotating_components"]:
        yield f"Set annotations on update for: {settings['annotating_components']}"
    yield f"Initial learn rate: {settings['optimizer'].learn_rate}"


def _noting_labels(examples: Iterable[Example], labels: set[str]) -> Iterator[Example]:
    for example in examples:
        reference = example.reference
        labels.update(span.label_ for spans in (reference.ents, *reference.spans.values()) for span in spans)
        yield example


def _warning_of_labels(nlp: Language, settings: Mapping[str, Any], dev_labels: set[str]) -> str:
    """Say where no entity of the development corpus can ever be found, for want of its label."""
    learning = set(nlp.pipe_names) - set(settings["frozen_components"])
    known = {
        label
        for name in learning
        if nlp.get_pipe_meta(name).factory in _RECOGNIZERS
        for label in getattr(nlp.get_pipe(name), "labels", ())
    }
    if not known or not known.isdisjoint(dev_labels):
        return ""
    there = ", ".join(sorted(dev_labels)) or "none at all"
    return Warnings.W422.format(learned=", ".join(sorted(known)), there=there)


def _what_it_goes_on_from(past: Past, msg: Printer) -> Iterator[str]:
    if changes := changed_versions(past.state["versions"]):
        yield msg.warn(changes)
    yield msg.info(f"Going on after step {past.state['step']}, from {past.folder}")


def _note_scores(nlp: Language, settings: dict[str, Any], info: dict[str, Any], is_best: bool | None) -> None:
    """Write the scores of an evaluation into the pipeline's meta, where there was one."""
    if is_best is not None:
        with nlp.select_pipes(disable=settings["frozen_components"]):
            update_meta(settings, nlp, info)
