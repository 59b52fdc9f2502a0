"""Every message a user can meet, numbered, a block for each room.

A message says what was wrong, where, and what to do next. Blocks: B0xx encoder, B1xx named entities, B2xx linking,
B3xx corpora, B4xx training, B5xx command line, project and reports. A number, once released, keeps its meaning.
"""

from __future__ import annotations

from typing import TypeVar

T = TypeVar("T")


def _numbered(cls: type[T]) -> type[T]:
    """Put its code in front of every message: ``B012 = "…"`` reads ``[B012] …``."""
    for code, message in list(vars(cls).items()):
        if not code.startswith("_"):
            setattr(cls, code, f"[{code}] {message}")
    return cls


@_numbered
class Errors:
    """Messages of the exceptions; fill them with ``.format(...)``."""

    # --- B0xx: encoder ---
    B001 = (
        "The checkpoint folder '{path}' is not complete: {missing} is missing. Download or copy it again; a "
        "checkpoint is a folder with config.json, model.safetensors (or pytorch_model.bin) and a tokenizer."
    )
    B002 = (
        "'{path}' cannot be read: {reason}. The file is damaged or half-written: download or copy it again and "
        "compare its checksum."
    )
    B003 = (
        "'{path}' is a checkpoint of the kind '{model_type}', which is not in the BERT family. Choose one whose "
        "model_type is among: {known}."
    )
    B004 = "'{path}' does not say '{setting}'. The file is damaged or not a model's config.json: copy it again."
    B005 = (
        "'{path}' asks for {setting} = '{value}', which this encoder does not compute. Choose a checkpoint with one "
        "of: {known}."
    )
    B006 = (
        "'{path}' has no tensor '{tensor}'. The weights are not those of the config.json beside them, or the file is "
        "half-written: copy the checkpoint again."
    )
    B007 = (
        "The checkpoint folder '{path}' has no tokenizer: one of tokenizer.json, vocab.txt, or vocab.json with "
        "merges.txt is needed. Copy it from where the weights came from; another model's vocabulary will not do."
    )
    B008 = "The tokenizer in '{path}' has no piece {names}. Copy the tokenizer that belongs to the checkpoint."
    B009 = "casing = '{casing}' has no meaning. Use 'auto' (the vocabulary decides), 'keep' or 'lower'."
    B010 = (
        "In '{path}', the tensor '{tensor}' has the shape {shape}, where config.json makes it {expected}. The files "
        "belong to different checkpoints: copy them again from one place."
    )
    B011 = (
        "The tokenizer in '{path}' has {pieces} pieces, but the weights know only {rows}. They belong to different "
        "checkpoints: copy both from one place."
    )
    B012 = (
        "In '{path}', the tokenizer lower-cases but the vocabulary is cased: every word with a capital letter would "
        "be torn to pieces. Correct do_lower_case in tokenizer_config.json (or the normalizer in tokenizer.json), or "
        'overrule it in the encoder\'s config: casing = "keep", or "lower" if that is what the checkpoint was '
        "trained with."
    )
    B013 = (
        "In '{path}', the tokenizer keeps capital letters but the vocabulary has none: every word with one would "
        "become unknown. Correct do_lower_case in tokenizer_config.json (or the normalizer in tokenizer.json), or "
        'overrule it in the encoder\'s config: casing = "lower", or "keep" if that is meant.'
    )
    B014 = (
        "There is no checkpoint '{name}': no such folder here, and the model hub did not give it ({reason}). Check "
        "the name; with no connection, copy the checkpoint into a folder and put its path into "
        "[components.biobert.model] name."
    )
    B015 = (
        "window = {window} with overlap = {overlap} leaves no room for text: a window holds two special pieces and "
        "the overlap on both sides. Make the window longer or the overlap (at least 0) shorter."
    )
    B016 = (
        "window = {window} is longer than the checkpoint's positions reach. Set [components.biobert.model] window to "
        "at most {limit}."
    )
    B017 = "The model '{model}' holds no encoder. Use spacy_biobert.Encoder.v1 as the model of a 'biobert' component."
    B018 = (
        "The pipeline has '{biobert}' and also '{transformer}', and '{component}' listens to any encoder (upstream = "
        '"*"): which one is not certain. Name one in its listener, upstream = "{biobert}", or remove the other '
        "encoder."
    )
    B019 = (
        "In '{path}', the normalizer lower-cases by a step of its own, which casing = \"keep\" cannot undo. Take the "
        "step 'Lowercase' out of the normalizer in tokenizer.json."
    )
    B020 = (
        "device = '{device}' is not to be had on this machine. Use 'auto', 'cpu', 'cuda:0' or 'mps'; a stored "
        'pipeline can be moved with spacy.load(…, config={{"components": {{"biobert": {{"device": '
        '"cpu"}}}}}}).'
    )
    B021 = "precision = '{precision}' has no meaning. Use one of: {known}."
    B022 = "{option} = '{value}' has no meaning in an encoder's config. Use one of: {known}."
    B023 = "max_batch_pieces = {value} leaves nothing to run. Use at least 1; 2048 suits a CPU."
    B024 = (
        "int8 runs on a CPU only, in prediction only, and needs a build of PyTorch with oneDNN. Use precision = "
        '"auto" (or "bfloat16", "float32").'
    )
    B030 = (
        "The encoder has no weights yet. Call nlp.initialize() to load the checkpoint that its config names, or load "
        "a trained pipeline with spacy.load."
    )
    # Checkpoints in TensorFlow's form: B040 to B049.
    B040 = (
        "There is no {what} in '{path}'. A release of BioBERT for TensorFlow is a folder with bert_config.json, "
        "vocab.txt, and NAME.index beside NAME.data-00000-of-00001: unpack the archive again and name that folder."
    )
    B041 = (
        "'{path}' has more than one {what}: {found}. Leave only one in the folder, or name the checkpoint that you "
        "mean with --checkpoint."
    )
    B042 = (
        "Reading a TensorFlow checkpoint needs TensorFlow, which cannot be imported here ({reason}). Install it with: "
        "pip install spacy-biobert[tensorflow]. The checkpoint that the conversion makes does not need it."
    )
    B043 = (
        "The checkpoint '{path}' has no variable {names}. It is not that of a BERT, or of a smaller one than {config} "
        "describes: take all files from one release."
    )
    B044 = (
        "In the checkpoint '{path}', the variable '{name}' has the shape {shape}, where {config} makes it {expected}. "
        "The files belong to different releases: take all from one."
    )
    B045 = (
        "The checkpoint '{path}' has the variable {names}, for which the network of {config} has no place. It is that "
        "of another network, or of a larger one: take all files from one release."
    )
    B046 = "'{path}' is there already and not empty. Name a new folder, or empty this one: nothing in it was changed."

    # Fine-tuned token classifiers: B050 to B059.
    B050 = (
        "'{name}' is no token classifier: {reason}. Give a checkpoint that was fine-tuned for named entities "
        "(AutoModelForTokenClassification); for an encoder alone, train a head with `spacy train`."
    )
    B051 = (
        "'{name}' calls its classes {names}, which says nothing of what they mean. Look it up in the model's "
        "description and say it for each class: --tag LABEL_0=O --tag LABEL_1=B-Disease --tag LABEL_2=I-Disease."
    )
    B052 = "'{name}' has the tag {tag}, which names no label. Say what its mentions are, for example --label Disease."
    B053 = (
        "'{name}' has the class '{tag}', which is no tag. Say what it means, for example --tag '{tag}=B-Disease', or "
        "leave it out with --tag '{tag}='. Tags are O, B-Label and I-Label, and E-, L-, M-, S- and U-Label."
    )
    B054 = (
        "The classes '{first}' and '{second}' of '{name}' both mean the tag {tag}. Leave one out, for example with "
        "--tag '{second}=', or give it another name."
    )
    B055 = (
        "'{name}' has no tag {missing}. {why} Correct the tags with --tag CLASS=TAG if their names are not what "
        "they mean."
    )
    B056 = "'{name}' has no class '{tag}', which --tag names. It has: {known}."
    B057 = "spaCy has no language '{lang}'. Use a code that it knows, such as en, or xx for any."

    # --- B1xx: named entities ---
    B101 = "There is no tag scheme '{scheme}'. Set `scheme` of the component to one of: {schemes}."
    B102 = (
        "'{name}' cannot take the label '{label}': its model already has its {nO} tags, for the labels {labels}. Add "
        "labels before `nlp.initialize()`, or initialize again with all of them in "
        "[initialize.components.{name}.labels]."
    )
    B103 = (
        "'{name}' has no labels to learn: no example of the training data has an entity in `doc.ents`. Check the data "
        "with `spacy debug data`, or list the labels in [initialize.components.{name}.labels]."
    )
    B104 = (
        "The training data has an entity '{text}' with the label '{label}', which '{name}' does not know. It was "
        "initialized with: {labels}. Run `spacy init labels` again on all of the data and train anew, or take the "
        "label out of the data."
    )
    B105 = (
        "The model of '{name}' is configured for nO = {nO} tags, but its {n_labels} label(s) make {n_tags} tags in the "
        "scheme {scheme}. Leave nO of [components.{name}.model] empty: it is set from the labels."
    )
    B106 = (
        "'{name}' takes its token vectors from '{upstream}', but no component before it made any. Put one with the "
        "factory `biobert` before '{name}' in [nlp.pipeline]; if there is one, do not disable it, and in training list "
        "it in [training.annotating_components] if it is frozen or if '{name}' is in that list."
    )
    B107 = (
        "'{name}' computed scores that are not numbers (NaN). In training, lower the learning rate or use the "
        "precision float32; in a loaded pipeline, its weights are damaged: install or train it again."
    )
    B108 = "The {setting} of '{name}' is {value!r}. It has to be a number above 0; 1.0 leaves the scores as they are."
    B109 = "A label of '{name}' has to be a text of at least one character, but got {label!r}."

    # --- B2xx: linking ---
    B201 = (
        "'{path}' is no knowledge base: it has no meta.json of one. Make one with "
        "`spacy biobert kb build SOURCE '{path}' --format medic|obo|jsonl`."
    )
    B202 = (
        "The knowledge base in '{path}' has format version {found}; this version of spacy-biobert reads {expected}. "
        "Make it again with `spacy biobert kb build`."
    )
    B203 = (
        "The knowledge base in '{path}' is damaged: {reason}. Copy it again, or make it again with "
        "`spacy biobert kb build`."
    )
    B204 = "There is a knowledge base in '{path}' already. Name another folder, or say --force (overwrite=True)."
    B205 = "'{path}' exists and is no knowledge base, so it is not replaced. Name another folder, or empty this one."
    B206 = (
        "The knowledge base in '{path}' has {size:,} bytes, more than the {limit:,} that to_bytes puts into memory. "
        "Save the pipeline with nlp.to_disk, or leave the linker out: nlp.to_bytes(exclude=[...])."
    )
    B207 = "These bytes are no knowledge base. Pass what KnowledgeBase.to_bytes returned."
    B208 = (
        "The knowledge base in '{path}' was replaced by another since it was opened. Open it again, "
        "with KnowledgeBase.open or by initializing the pipeline."
    )
    B211 = (
        "The concept '{name}' has the id '{id}'. An id must not be empty nor hold white space or '|', which joins ids "
        "in ent.kb_id_. Correct it in the source."
    )
    B212 = "The concept {id} has no name. Give it one in the source, or leave the concept out."
    B213 = (
        "Two concepts have the id {id}: '{first}' and '{second}'. Make them one concept in the source, "
        "with all names as its synonyms."
    )
    B214 = "The concept {id} holds text that is not Unicode ({reason}). Correct the escape sequence in the source."
    B215 = (
        "There is no name to index: the source has no concepts, or none whose names have a letter or a digit. "
        "Is --format the source's format?"
    )
    B221 = "{option} is {value}; it must be {expected}."
    B231 = "There is no file '{path}' to read concepts from. Name the vocabulary's own file."
    B232 = "{path}, line {line}: the text is not UTF-8 ({reason}). Convert the file: `iconv -f latin1 -t utf8`."
    B233 = "{path}: the file cannot be read beyond line {line} ({reason}). Download it again."
    B234 = "{path}, line {line}: {reason}. Correct the line; is --format the source's format?"
    B241 = (
        "The linker '{name}' has no knowledge base. Make one with `spacy biobert kb build SOURCE FOLDER --format …` "
        'and name its folder in the config, `[initialize.components.{name}] kb = "FOLDER"` (with the recipes in '
        "configs/: --paths.kb FOLDER), or call nlp.get_pipe('{name}').initialize(kb='FOLDER')."
    )
    B242 = (
        "label_types names semantic types that the knowledge base in '{path}' has not: {unknown}. It has: {types}. "
        "Correct label_types, or give the concepts types with `spacy biobert kb build --types …`."
    )
    B251 = "There is no reader for the format '{format}'. There are: {formats}."

    # --- B3xx: corpora ---
    B301 = "There is no file '{path}'. Check the path; it is relative to the folder that the command runs in."
    B302 = (
        "{path}:{line}: the byte {byte:#04x} in column {column} is not UTF-8. Save the file as UTF-8, for example with "
        "iconv -f latin1 -t utf-8."
    )
    B303 = (
        "{path}:{line}: a token and its tag were expected, separated by a tab, but the line is {content!r}. Add what "
        "is missing; a token outside of all mentions has the tag O."
    )
    B304 = (
        "{path}:{line}: {tag!r}, the last column of {word!r}, is no tag. Tags are O, B-Label and I-Label, and E-, S-, "
        "L-, U- or M- in other schemes; the tag must stand in the last column."
    )
    B305 = (
        "{path}:{line}: the tag {tag!r} of {word!r} names no label. Say which one the file means, for example "
        '--label Disease, or label = "Disease" in the reader\'s config.'
    )
    B306 = (
        "{path}:{line}: the tag {tag!r} of {word!r} continues a mention, but none with its label is open. Correct the "
        "tag, or leave out 'strict': a mention then starts here, as conlleval counts it."
    )
    B310 = (
        "{path}:{line}: {content!r} is no line of a PubTator file. Expected id|t|title, id|a|abstract, a mention (id, "
        "start, end, text, type, concept ids, separated by tabs) or a relation (id, type, arguments)."
    )
    B311 = (
        "{path}:{line}: the annotation is of document {id}, but stands under the text of {document}. Put it under its "
        "own document's text."
    )
    B312 = (
        "{path}:{line}: a mention has five columns or more (id, start, end, text, type), with both offsets in digits, "
        "but this line has {n} columns: {content!r}. Separate the columns with tabs."
    )
    B313 = (
        "{path}:{line}: no mention can stand at {start}-{end} in a text of {length} characters. Offsets count "
        "characters, not bytes, from 0, over the title, one space and the abstract; the end is that of the character "
        "after the last."
    )
    B314 = (
        "{path}:{line}: the mention at {start}-{end} is {written!r} here, but the text there is {found!r}. Correct the "
        "offsets or the mention. Offsets count characters, not bytes, from 0, over the title, one space and the "
        "abstract."
    )
    B315 = "{path}:{line}: the mention {mention!r} has no type. Write one in the fifth column."
    B320 = (
        "The doc {text!r}… has no document number, which PubTator needs. Give one: "
        'doc_to_document(doc, document_id="1").'
    )
    B321 = "The doc of document {id} has no spans under {key!r}. It has them under: {keys}."
    B322 = (
        "{reader} has no path. Set it in the config ([corpora.train] path) or on the command line (--paths.train FILE)."
    )
    B323 = "{path} holds no {what}. Check that it is the right file, and whole."
    B324 = "n_sents = {n} has no meaning. Use 1 for one sentence in a doc, more to group them, 0 for whole documents."
    B325 = (
        "{path} does not say where documents start, so that they cannot be kept whole (n_sents = 0). Add lines of "
        "-DOCSTART- before each document, or group sentences with n_sents of 1 or more."
    )
    B330 = "'{path}' does not end in .spacy, by which spaCy knows its training files. Give the output such a name."
    B331 = "{value!r} does not map a name to another. Write {option} OLD=NEW, once for each."
    B332 = "'{path}' has no [nlp] section with a language. Give a training config: it says how texts are tokenized."
    B333 = "format = {format!r} has no meaning. Use one of: {known}."

    # --- B4xx: training ---
    B410 = "Only a WordPiece vocabulary can be trimmed; this checkpoint's is {kind}. Keep it whole."
    B411 = (
        "A vocabulary of {size} pieces is too small: special pieces and single characters, which keep every word "
        "spellable, are {needed} already. Ask for more."
    )

    # --- B5xx: command line, project and reports ---
    B501 = (
        "These files of the dataset '{dataset}' are missing and could not be had:\n{missing}\nDownload each to the "
        "path shown, or give a folder that has them: spacy biobert fetch {dataset} --from FOLDER"
    )
    B502 = (
        "'{path}' is not the file that {project} means: its MD5 checksum is {found}, expected {expected}. Nothing was "
        "changed. Move the file away and fetch again, or correct the checksum if you mean to use this one."
    )
    B503 = (
        "'{path}', which {recipe} names, does not exist, and {project} has no asset with that 'dest'. Correct the "
        "path, put the file there, or add an asset with its address."
    )
    B504 = "There is no dataset '{dataset}': {folder} has {known}. Describe a new one in {folder}/{dataset}.yml."
    B505 = "The dataset described in {path} is not complete: {problem}. See {folder}/sample.yml for what belongs there."
    B506 = "There is no text in {path}. Give a file with one text a line, a PubTator file, or '-' for standard input."
    B507 = (
        "No pipeline could be loaded from '{model}': {reason}. Give the name of an installed package or a folder "
        "written by 'spacy train'."
    )
    B508 = "There is no .spacy file to score in {path}. Make one with 'spacy biobert convert' or 'spacy convert'."
    B509 = "'{path}' cannot be read: {problem}. Give a file in UTF-8, with one text a line or in PubTator's format."
    B510 = "The pipeline '{model}' has no encoder of this package to measure; its pipes are: {pipes}."


@_numbered
class Warnings:
    """Messages of the warnings, numbered W0xx to W5xx by the same blocks."""

    # --- W2xx: linking ---
    W201 = (
        "`span._.{name}` is already registered by something else, and stays as it is. The ranked concepts are in "
        '`doc.spans["{key}"].attrs`; to have them as an attribute, give the linker another name for it: '
        'extension = "…" in its config.'
    )

    # --- W3xx: corpora ---
    W301 = (
        "{path}:{line}: document {id} stands in this file twice, text and annotations. It is read once; delete one to "
        "be rid of this message."
    )
    W302 = (
        "{path}: {n} mentions begin or end inside one of the tokenizer's tokens. They are kept, and the gold tokens "
        "are cut there, but a pipeline with this tokenizer can never find them."
    )
    W303 = (
        "{path}: not one mention has a label to keep ({labels}). Check their spelling, and remember that types are "
        "mapped to labels before."
    )

    # --- W1xx: named entities ---
    W101 = (
        "`span._.{extension}` is already registered by something else, and stays as it is. The scores of entities "
        "are in the attrs of the span group, and `spacy_biobert.ner.extension.get_score(span)` finds them."
    )
