"""Check the sample data in ``assets/sample``: offsets, ids, counts and, with ``--data``, names and originality.

    python scripts/check_sample.py
    python scripts/check_sample.py --data FOLDER

``FOLDER`` holds the public vocabularies in ``kb/`` and public corpora in any other subfolder. With it, each id is
looked up in its vocabulary, and no sentence and no long run of words of the sample may occur in any of its files. The
command prints a table, then what is wrong; it exits with 1 if anything is.
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
import sys
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SAMPLE = Path(__file__).resolve().parent.parent / "assets" / "sample"
SPLITS = ("train", "dev", "test")
TYPES = ("Disease", "Chemical", "Gene")
RUN_OF_WORDS = 8
"""This many words in a row found in a public text count as copied; a shorter sentence counts as a whole."""
SHORTEST_COPY = 4
"""Sentences of fewer words are common property ("None had sepsis.")."""
HOMOGRAPHS = frozenset({"lead"})
"""Names that are also plain words: the metal and the verb."""

_SENTENCE_END = re.compile(r"(?<=[.?!])\s+")
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class Mention:
    """One annotation; character offsets into title, one space, abstract."""

    start: int
    end: int
    text: str
    type: str
    concept_ids: tuple[str, ...]


@dataclass
class Document:
    """One title and abstract with its mentions."""

    id: str
    title: str
    abstract: str
    mentions: list[Mention] = field(default_factory=list)

    @property
    def text(self) -> str:
        """What the offsets count in."""
        return f"{self.title} {self.abstract}"

    @property
    def sentences(self) -> list[str]:
        """The title, then the sentences of the abstract."""
        return [self.title, *_SENTENCE_END.split(self.abstract)]


@dataclass
class Vocabularies:
    """The public names of concepts, casefolded, by bare identifier."""

    names: dict[str, set[str]]
    gene_symbols: dict[str, str]
    alternatives: dict[str, set[str]]


def read_pubtator(path: Path) -> list[Document]:
    """Read a PubTator file.

    Raises:
        ValueError: A block has fewer than two lines, or an annotation not six columns.
    """
    documents = []
    for block in path.read_text(encoding="utf-8").strip().split("\n\n"):
        lines = block.split("\n")
        if len(lines) < 2 or "|t|" not in lines[0] or "|a|" not in lines[1]:
            raise ValueError(f"{path.name}: a block needs a title and an abstract, but it starts {lines[0][:60]!r}")
        identifier, _, title = lines[0].partition("|t|")
        document = Document(identifier, title, lines[1].partition("|a|")[2])
        for line in lines[2:]:
            columns = line.split("\t")
            if len(columns) != 6:
                raise ValueError(f"{path.name}: {len(columns)} columns instead of 6 in {line!r}")
            _, start, end, text, type_, ids = columns
            document.mentions.append(Mention(int(start), int(end), text, type_, tuple(ids.split("|"))))
        documents.append(document)
    return documents


def read_knowledge_base(path: Path) -> list[dict[str, Any]]:
    """Read one concept from each line of a JSONL file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def check_documents(documents: Iterable[Document]) -> Iterator[str]:
    """Say where an offset does not give its mention, or mentions overlap, or a type or document id is wrong."""
    seen: set[str] = set()
    for document in documents:
        if document.id in seen:
            yield f"{document.id}: the id is used twice"
        seen.add(document.id)
        last_end = 0
        for mention in document.mentions:
            where = f"{document.id} {mention.start}-{mention.end} {mention.text!r}"
            found = document.text[mention.start : mention.end]
            if found != mention.text:
                yield f"{where}: the text there is {found!r}"
            if mention.start < last_end:
                yield f"{where}: overlaps or precedes the mention before it"
            if mention.type not in TYPES:
                yield f"{where}: unknown type {mention.type!r}"
            last_end = mention.end


def check_concepts(documents: Iterable[Document], concepts: list[dict[str, Any]]) -> Iterator[str]:
    """Say which concept is incomplete or given twice, and which mention's id the knowledge base lacks."""
    by_id: dict[str, dict[str, Any]] = {}
    for concept in concepts:
        identifier = concept["concept_id"]
        if identifier in by_id:
            yield f"{identifier}: the knowledge base has it twice"
        by_id[identifier] = concept
        if not concept["aliases"]:
            yield f"{identifier}: no alias"
        if not concept["definition"].endswith("."):
            yield f"{identifier}: the definition is not a sentence"
    for document in documents:
        for mention in document.mentions:
            for identifier in mention.concept_ids:
                if identifier not in by_id:
                    yield f"{document.id} {mention.text!r}: {identifier} is not in the knowledge base"
                elif mention.type not in by_id[identifier]["types"]:
                    yield f"{document.id} {mention.text!r}: {identifier} is no {mention.type}"


def check_consistency(documents: list[Document]) -> Iterator[str]:
    """Say where a text that is annotated elsewhere was left out, letter for letter and as a whole word."""
    texts = {m.text for d in documents for m in d.mentions if m.text.casefold() not in HOMOGRAPHS}
    longest_first = sorted(texts, key=lambda text: (-len(text), text))
    pattern = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, longest_first))})(?!\w)")
    for document in documents:
        covered = {offset for m in document.mentions for offset in range(m.start, m.end)}
        for match in pattern.finditer(document.text):
            if covered.isdisjoint(range(*match.span())):
                yield f"{document.id} {match.start()}-{match.end()} {match.group()!r}: annotated elsewhere, not here"


def read_vocabularies(data: Path) -> Vocabularies:
    """Read the names of MeSH, MEDIC and NCBI Gene from ``data/kb``.

    Raises:
        FileNotFoundError: One of the three files is not there.
    """
    vocabularies = Vocabularies({}, {}, {})
    for line in (data / "kb" / "mesh_descriptors_2015.tsv").read_text(encoding="utf-8").splitlines()[1:]:
        identifier, name = line.split("\t")
        vocabularies.names[identifier] = {name.casefold()}
    for line in (data / "kb" / "medic_06Jul2012.txt").read_text(encoding="utf-8").splitlines():
        ids, _, names = line.partition("||")
        for identifier in ids.split("|"):
            vocabularies.names.setdefault(identifier, set()).update(names.casefold().split("|"))
            vocabularies.alternatives.setdefault(identifier, set()).update(ids.split("|"))
    with gzip.open(data / "kb" / "Homo_sapiens.gene_info.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            if not line.startswith("#"):
                _, identifier, symbol, *_ = line.split("\t")
                vocabularies.gene_symbols[identifier] = symbol
    return vocabularies


def check_names(concepts: Iterable[dict[str, Any]], vocabularies: Vocabularies) -> Iterator[str]:
    """Say which id a public vocabulary lacks, or names otherwise than the knowledge base does."""
    for concept in concepts:
        curie = concept["concept_id"]
        prefix, _, identifier = curie.partition(":")
        ours = {concept["canonical_name"], *concept["aliases"]}
        if prefix == "NCBIGene":
            symbol = vocabularies.gene_symbols.get(identifier)
            if symbol not in ours:
                yield f"{curie}: its symbol is {symbol}, which is none of {sorted(ours)}"
            continue
        public = vocabularies.names.get(identifier)
        if public is None:
            yield f"{curie} {concept['canonical_name']!r}: in neither MeSH nor MEDIC"
        elif public.isdisjoint(name.casefold() for name in ours):
            yield f"{curie}: called {sorted(public)[:3]}, which is none of {sorted(ours)}"
        for other in concept.get("alternative_ids", []):
            if other.partition(":")[2] not in vocabularies.alternatives.get(identifier, set()):
                yield f"{curie}: MEDIC does not hold {other} to be the same concept"


def words_of(text: str) -> list[str]:
    """Casefolded words, without punctuation: what two copies of a sentence have in common."""
    return _WORD.findall(text.casefold())


def read_words(path: Path) -> list[str]:
    """Read the words of a public text, whatever its format: tsv (first column), json, jsonl, zip, gz or plain."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            raw = "\n".join(archive.read(name).decode("utf-8", "replace") for name in archive.namelist())
        return words_of(raw)
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8", errors="replace") as file:
        raw = file.read()
    if path.suffix == ".tsv":
        raw = "\n".join(line.partition("\t")[0] for line in raw.splitlines())
    elif path.suffix == ".json":
        raw = json.dumps(json.loads(raw), ensure_ascii=False).replace("\\n", " ")
    elif path.suffix == ".jsonl":
        raw = "\n".join(json.dumps(json.loads(line), ensure_ascii=False) for line in raw.splitlines())
    return words_of(raw)


def check_originality(sentences: Iterable[str], paths: Iterable[Path]) -> Iterator[str]:
    """Say which sentence, or run of ``RUN_OF_WORDS`` words of one, occurs in a public text."""
    runs: dict[str, str] = {}
    short: dict[str, str] = {}
    for sentence in sentences:
        words = words_of(sentence)
        if SHORTEST_COPY <= len(words) < RUN_OF_WORDS:
            short[f" {' '.join(words)} "] = sentence
        for start in range(len(words) - RUN_OF_WORDS + 1):
            runs[" ".join(words[start : start + RUN_OF_WORDS])] = sentence
    for path in paths:
        words = read_words(path)
        for start in range(len(words) - RUN_OF_WORDS + 1):
            run = " ".join(words[start : start + RUN_OF_WORDS])
            if run in runs:
                yield f"{path.name} has {run!r}, as does {runs[run]!r}"
        text = f" {' '.join(words)} "
        yield from (f"{path.name} has {sentence!r}" for run, sentence in short.items() if run in text)


def public_texts(data: Path) -> list[Path]:
    """All files of ``data`` but the two lists of bare names and the notes about the files."""
    names_only = {"mesh_descriptors_2015.tsv", "Homo_sapiens.gene_info.gz", "medic_06Jul2012.txt"}
    return sorted(path for path in data.glob("*/**/*") if path.is_file() and path.name not in names_only)


def table(splits: dict[str, list[Document]], concepts: list[dict[str, Any]]) -> str:
    """Count documents, sentences and mentions of each split, and concepts of each type."""
    header = ["", "documents", "sentences", *TYPES, "mentions", "concepts"]
    rows = []
    for name, documents in [*splits.items(), ("all", [d for docs in splits.values() for d in docs])]:
        types = Counter(m.type for d in documents for m in d.mentions)
        used = {identifier for d in documents for m in d.mentions for identifier in m.concept_ids}
        sentences = sum(len(d.sentences) for d in documents)
        counts = [len(documents), sentences, *(types[t] for t in TYPES), types.total(), len(used)]
        rows.append([name, *map(str, counts)])
    lines = ["".join(f"{cell:>11}" for cell in row).rstrip() for row in [header, *rows]]
    types = Counter(type_ for concept in concepts for type_ in concept["types"])
    names = sum(1 + len(concept["aliases"]) for concept in concepts)
    split_types = ", ".join(f"{types[t]} {t}" for t in TYPES)
    lines.append(f"\nknowledge base: {len(concepts)} concepts ({split_types}), {names} names")
    return "\n".join(lines)


def check(folder: Path = SAMPLE, data: Path | None = None) -> tuple[str, list[str]]:
    """Check the sample.

    Args:
        folder: The sample: three PubTator files, ``knowledge_base.jsonl`` and ``abstracts.txt``.
        data: Public vocabularies and corpora to compare with, or None to leave that out.

    Returns:
        The table of counts, and one line for each thing that is wrong.
    """
    splits = {split: read_pubtator(folder / f"{split}.pubtator") for split in SPLITS}
    documents = [document for split in splits.values() for document in split]
    concepts = read_knowledge_base(folder / "knowledge_base.jsonl")
    abstracts = (folder / "abstracts.txt").read_text(encoding="utf-8").splitlines()
    problems = [*check_documents(documents), *check_concepts(documents, concepts), *check_consistency(documents)]
    if data is not None:
        problems += check_names(concepts, read_vocabularies(data))
        sentences = [sentence for document in documents for sentence in document.sentences]
        sentences += [sentence for abstract in abstracts for sentence in _SENTENCE_END.split(abstract)]
        sentences += [concept["definition"] for concept in concepts]
        problems += check_originality(sentences, public_texts(data))
    return table(splits, concepts), problems


def main() -> int:
    """Run the check from the command line."""
    parser = argparse.ArgumentParser(description="Check the sample data.")
    parser.add_argument("--folder", type=Path, default=SAMPLE, help="the sample to check")
    parser.add_argument("--data", type=Path, help="public vocabularies and corpora to compare with")
    arguments = parser.parse_args()
    counts, problems = check(arguments.folder, arguments.data)
    print(counts)
    for problem in problems:
        print(f"wrong: {problem}")
    print(f"\n{len(problems)} wrong" if problems else "\nall right")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
