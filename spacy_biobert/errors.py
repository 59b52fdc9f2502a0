"""Every message a user can meet, numbered, a block for each subpackage.

A message says what was wrong, where, and what to do next. Blocks: B0xx encoder and checkpoints, B1xx named entities,
B2xx linking, B3xx corpora and text files, B4xx training and pretraining, B5xx command line, project and reports. They
stand in the order of their numbers. A number, once released, keeps its meaning.
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
        "the name; with no connection, copy the checkpoint into a folder and name that in its place (in a config: "
        "[components.biobert.model] name)."
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
        "encoder; '{component}' is in the pipeline by now, and nlp.remove_pipe('{component}') takes it out."
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
    B023 = "max_batch_pieces = {value} leaves nothing to run. Use at least 1, or null for what suits the device."
    B024 = (
        "int8 runs on a CPU only, in prediction only, and needs a build of PyTorch with oneDNN. Use precision = "
        '"auto" (or "bfloat16", "float32").'
    )
    B030 = (
        "The encoder has no weights yet. Call nlp.initialize() to load the checkpoint that its config names, or load "
        "a trained pipeline with spacy.load."
    )
    B032 = (
        "'{component}' reads token vectors, but stands after a doc_cleaner that drops them: it would see zeros. Put it "
        'before the cleaner, by nlp.add_pipe(…, before="doc_cleaner") or in the order of [nlp] pipeline.'
    )
    B033 = (
        "int8 takes its scales from a sample of text, and there is none: this runtime was made without one, or its "
        "tokenizer knows no word of it. Use bfloat16 or float32, or make the Runtime with sample=…."
    )
    B035 = (
        "'{component}' is to read '{meant}', but stands behind '{last}', another encoder, and would be given the "
        "vectors of that one. Put it before '{last}', by nlp.add_pipe(…, before=\"{last}\") or in the order of [nlp] "
        "pipeline."
    )
    B036 = (
        "'{component}' was made for token vectors of width {expected}, but '{name}' makes them {width} wide: it is "
        "another encoder than the one that '{component}' was trained with. Take both from the same pipeline, or train "
        "'{component}' anew on this one."
    )
    B037 = (
        "The weights are those of an encoder of width {found}, where this pipeline has one of width {width}, and its "
        "components too. Load the stored pipeline by itself, with spacy.load."
    )

    # Checkpoints in TensorFlow's form, and folders for what is made of checkpoints: B040 to B049.
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

    # Token classifiers that were fine-tuned elsewhere, read by `ner`: B050 to B059.
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
        "'{name}' cannot take the label '{label}': its model already has its {nO} tags, for the labels {labels}. Make "
        "the component anew, nlp.remove_pipe and nlp.add_pipe, and add all labels before it is initialized; or list "
        "them in [initialize.components.{name}.labels] of a config, and train from that."
    )
    B103 = (
        "'{name}' has no labels to learn: no example of the training data has an entity in {where}. Look at what the "
        "data was made from (`spacy biobert convert` counts the entities that it finds), or list the labels in "
        "[initialize.components.{name}.labels]."
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
        "it in [training.annotating_components] if it is frozen or if '{name}' is in that list. To freeze one, take it "
        'from a trained pipeline (source = "…"): spaCy does not initialize what is frozen.'
    )
    B107 = (
        "'{name}' computed scores that are not numbers (NaN). In training, lower the learning rate or use the "
        "precision float32; in a loaded pipeline, its weights are damaged: install or train it again."
    )
    B108 = "The {setting} of '{name}' is {value!r}. It has to be a number above 0; 1.0 leaves the scores as they are."
    B109 = "A label of '{name}' has to be a text of at least one character, but got {label!r}."
    B110 = "The setting clash = '{clash}' of '{name}' has no meaning. Use one of: {known}."
    B111 = (
        "'{name}' cannot learn from the span group '{key}', in which mentions may overlap: its labels share one "
        "sequence of tags. Set overlapping = true in [components.{name}], or leave gold_spans_key empty (null)."
    )
    B112 = "label_smoothing of '{name}' is {value!r}. It has to be at least 0 and below 1; 0 smooths nothing."
    B113 = "The setting objective = '{objective}' of '{name}' has no meaning. Use one of: {known}."
    B114 = (
        "'{name}' cannot smooth labels (label_smoothing = {value}) with objective = 'sequence', which has no target "
        "for a single token. Set label_smoothing = 0.0, or objective = 'tokens'."
    )
    B115 = (
        "'{name}' cannot weigh labels: they share one sequence of tags. Set overlapping = true in [components.{name}], "
        "or label_weights = {{}}."
    )
    B116 = "label_weights of '{name}' names {unknown}, and its labels are {labels}. Correct the names."
    B117 = "label_weights of '{name}' gives {label} {weight!r}. It has to be a number, at least 0."
    B118 = "The threshold of '{name}' is {value!r}. It has to be a number from 0 to 1; 0 keeps all that is found."
    B119 = (
        "Tokens of the doc '{text}…' were merged or split after the encoder gave them vectors, so '{name}' cannot tell "
        "which is whose. Put the component that changes tokens (merge_entities, a retokenizer) before the encoder or "
        "after '{name}'."
    )
    B120 = (
        "What is stored of '{name}' does not fit together: its model has {nO} scores for each token, which are not "
        "those of its labels, {labels}. Its folder is damaged, or its cfg was changed by hand: copy the pipeline again."
    )
    B121 = (
        "The labels of '{name}' have to be a list of texts, but got {labels!r}. A file of labels, as `spacy init "
        "labels` writes it, is named by [initialize.components.{name}.labels] with @readers = "
        '"spacy.read_labels.v1" and path = ….'
    )

    # Calibration: B140 to B159.
    B140 = (
        "The component '{name}' failed on some docs and left them out, so scores cannot be calibrated. Run the "
        "pipeline without an error handler to see why."
    )

    # --- B2xx: linking ---
    B201 = (
        "'{path}' is no knowledge base: it has no meta.json of one. Make one with "
        "`spacy biobert kb build SOURCE '{path}' --format FORMAT`."
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
        "The concept '{name}' has the id '{id}'. An id must not be empty, nor 'NIL', which says that no concept fits, "
        "nor hold white space or '|', which joins ids in ent.kb_id_. Correct it in the source."
    )
    B212 = "The concept {id} has no name. Give it one in the source, or leave the concept out."
    B213 = (
        "Two concepts have the id {id}: '{first}' and '{second}'. Make them one concept in the source, "
        "with all names as its synonyms; if they are in two files, build each by itself, and unite them: "
        "spacy biobert kb merge."
    )
    B214 = "The concept {id} holds text that is not Unicode ({reason}). Correct the escape sequence in the source."
    B215 = (
        "There is no name to index: the source has no concepts, or none whose names have a letter or a digit. "
        "Is --format the source's format, and did another option leave all of it out?"
    )
    B221 = "{option} is {value}; it must be {expected}."
    B223 = "Mentions are looked up as a list of texts; got the text {mention!r}. Write [{mention!r}]."
    B234 = "{path}, line {line}: {reason}. Correct the line; is --format the source's format?"
    B236 = (
        "No mention in {where} has a concept id, so there is nothing to learn from, nor to compare links with. Name a "
        "corpus with ids, or say where its mentions are (spans_key)."
    )
    B237 = (
        "Vectors of names need one vector for each code; the arrays have the shapes {codes} and {vectors}. Make them "
        "again with `spacy biobert train-linker`."
    )
    B238 = (
        "'{path}' does not hold what a linker learned, or is damaged: {reason}. Copy it again, or make it again with "
        "`spacy biobert train-linker`."
    )
    B240 = (
        "No concept of the knowledge base in '{path}' has two names, so there are no synonyms to learn from. Link "
        "without vectors, or build the knowledge base from a source with synonyms."
    )
    B241 = (
        "The linker '{name}' has no knowledge base. Make one with `spacy biobert kb build SOURCE FOLDER --format …` "
        'and name its folder in the config, `[initialize.components.{name}] kb = "FOLDER"` (with the recipes in '
        "configs/: --paths.kb FOLDER), or call nlp.get_pipe('{name}').initialize(kb='FOLDER')."
    )
    B242 = (
        "label_types names semantic types that the knowledge base in '{path}' has not: {unknown}. It has: {types}. "
        "Correct label_types, or give the concepts types with `spacy biobert kb build --types …`."
    )
    B243 = (
        "The linker '{name}' has ranker = true, but nothing was learned. Train it with `spacy train` or `spacy biobert "
        'train-linker`, or load it with config={{"components.{name}.ranker": False}}.'
    )
    B244 = "There is no file '{path}' of name vectors. Make it with `spacy biobert train-linker`."
    B245 = (
        "The ranker's loss is not a number. Its weights or the vectors of names are damaged: make them again with "
        "`spacy biobert train-linker`."
    )
    B246 = (
        "The pipeline '{model}' has no component '{name}' that links entities. Name one with --linker; it has: {known}."
    )
    B247 = (
        "So many names are searched by the package usearch, and it cannot be imported. Install it, pip install "
        "'spacy-biobert[ann]', or link without vectors: initialize the linker without `dense`."
    )
    B248 = (
        "A mention's contextual vector has the width {found}; those that the ranker learned from have {expected}. Link "
        "with the encoder that it was trained with, train it again, or say context_vectors = false."
    )
    B249 = (
        "The linker '{name}' was stored with {missing}, which its folder '{path}' lacks: it was copied or downloaded "
        "in part. Copy the pipeline again; or do without on purpose: load it with exclude=['{name}'], add a linker, "
        "and call its own from_disk('{path}', exclude=…) with the names of what is missing."
    )
    B250 = (
        "The linker '{name}' keeps its ranked concepts in the span group '{key}', in which another component keeps "
        "something already ({attrs}): it would be lost. Name another group, candidates_key in the linker's config, or "
        "nlp.get_pipe('{name}').cfg['candidates_key'] = 'GROUP'."
    )
    B251 = "There is no reader for the format '{format}'. There are: {formats}."

    # Knowledge bases: references and merging, B260 to B269; sources, B270 to B289; export, B290.
    B260 = (
        "The pipeline refers to the knowledge base '{kb}' in '{path}', and there is none. Copy it there, or say where "
        'it is: spacy.load(…, config={{"components.{component}.{setting}": "FOLDER"}}).'
    )
    B261 = (
        "The knowledge base in '{path}' is not the '{kb}' that the pipeline refers to: its checksum is {found}, "
        "expected {expected}. It was changed or made anew. Say where the right one is: spacy.load(…, "
        'config={{"components.{component}.{setting}": "FOLDER"}}); or, to use this one from now on, delete '
        "{component}/kb_reference.json in the pipeline's folder, load it, say nlp.get_pipe('{component}')"
        ".initialize(kb='{path}', kb_by_reference=True), and save it."
    )
    B262 = (
        "This is no reference to a knowledge base: {data}. It needs the texts 'path' and 'digest', as "
        "KnowledgeBaseReference.to_dict writes them. The pipeline's folder is damaged: copy it again."
    )
    B263 = (
        "A name of the concept {id} has {length:,} characters, more than the {limit:,} that a name may have: "
        "{start!r}… Most often a line end or a quotation mark is missing there. Correct the source, or leave the name "
        "out."
    )
    B264 = (
        "These concepts are each other's alternative ids: {cycle}. Make them one concept in the source, or take out "
        "one of the references, if they are not the same."
    )
    B265 = (
        "The knowledge bases '{first}' and '{second}' both have the id '{id}', which names no vocabulary: it may mean "
        "two things. Make them again with a prefix for such ids: spacy biobert kb build … --prefix NAME."
    )
    B266 = "To merge takes two knowledge bases or more, each once, into a folder of its own. Given were: {given}."
    B270 = (
        "{path}, line {line}: the concept {concept} comes after {previous}. The file must be sorted by concept, as "
        "UMLS publishes it: LC_ALL=C sort -t '|' -k1,1 -s FILE."
    )
    B271 = "{path}: the record {record} has no id or no name. The file is damaged: download it again."
    B272 = (
        "{path} is XML, but not MeSH's: its first element is '{found}', not DescriptorRecordSet or "
        "SupplementalRecordSet. Name desc20XX.xml or supp20XX.xml."
    )
    B273 = (
        "{path} has no column {missing}. It has: {found}. Correct the line that names the columns; they are separated "
        "by commas, or by tabs in a file whose name ends in .tsv."
    )
    B274 = (
        "There is no {name} (or {name}.gz) in '{path}'. Name the folder META of a UMLS release, which holds "
        "MRCONSO.RRF, MRSTY.RRF and MRDEF.RRF."
    )
    B277 = "{path}: obsolete terms replace each other in a circle: {chain}. Take out the 'replaced_by:' of one of them."
    B278 = "The format '{format}' has no option '{option}'. Its options are: {known}."
    B290 = "'{path}' does not end in .jsonl, by which scispaCy knows such a file. Give it a name that does."
    B291 = "'{path}' is there already. Give another name, or say --force (overwrite=True) to replace it."

    # --- B3xx: corpora ---
    # Text files of every kind, vocabularies and texts to pretrain on too: B301, B302, B307, B341, B342.
    B301 = "There is no file '{path}'. Check the path; it is relative to the folder that the command runs in."
    B302 = "{path}:{line}: the byte {byte:#04x} in column {column} is not UTF-8. {advice}"
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
    B307 = (
        "'{path}' is a zip archive, as .docx and .xlsx files are, too. Unpack it and name the file in it, or save it "
        "as text."
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
    B334 = "'{path}' cannot be read as a config: {reason}. Give a training config, such as configs/ner.cfg."
    B340 = (
        "The mention {mention!r} has the label {label!r}, but the corpus is said to annotate only: {labels}. Name that "
        "label too, or map or leave out its mentions (--label-map, --keep)."
    )
    B341 = (
        "'{path}' is a folder, and one file is read here. Name the file in it; of corpora, only BRAT's are folders "
        "(--format brat), of vocabularies only UMLS's (--format rrf)."
    )
    B342 = "'{path}' cannot be unpacked: {reason}. The file is damaged or cut off: copy or download it again."
    B343 = (
        "There is no folder '{path}'. A corpus in BRAT's format is a folder of .txt files, each with its .ann file; "
        "check the path, which is relative to the folder that the command runs in."
    )
    B344 = (
        "'{path}' has no '{absent}' beside it. In BRAT's format every text has its file of annotations, an empty one "
        "where there are none."
    )
    B345 = (
        "{path}:{line}: {content!r} is no line of a BRAT file. Expected a mention (T1, tab, type with offsets, tab, "
        "text), a concept id (N1, tab, Reference T1 MESH:D001943, tab, name), a relation (R1, tab, type Arg1:T1 "
        "Arg2:T2), or one of E, A, M, * and #."
    )
    B346 = "{path}:{line}: there is a mention {id} already. Give each mention of a text a number of its own."
    B347 = "{path}:{line}: no line of this file is the mention {id}. Correct the name, or add the mention."
    B348 = (
        "{path}:{line}: no mention can stand at {start}-{end} in a text of {length} characters. Offsets count "
        "characters, not bytes, from 0; the end is that of the character after the last."
    )
    B349 = (
        "{path}:{line}: the mention at {offsets} is {written!r} here, but the text there is {found!r}. Correct the "
        "offsets or the mention. Offsets count characters, not bytes, from 0, each line break as the characters it "
        "consists of."
    )
    B360 = (
        "{path}{place}: the file is no BioC that can be read: {reason}. BioC is XML, from <collection> on, or JSON "
        'with "documents".'
    )
    B361 = "{path}{place}: {what}. Correct the file, or leave the annotation out."
    B362 = (
        "{path}{place}: the annotation {id} at {start}-{end} is not inside its passage, which reaches from {first} to "
        "{last}. Offsets count characters, not bytes, over the whole document."
    )
    B363 = (
        "{path}{place}: the annotation {id} at {offsets} is {written!r} here, but the text there is {found!r}. "
        "Correct the offsets or the text. Offsets count characters, not bytes, over the whole document."
    )
    B364 = "{path} has no {name} in it. Download the archive again from where project.yml says."
    B365 = (
        "{path}:{line}: {content!r} is no line of this table. Download the archive again from where project.yml says."
    )
    B366 = (
        "{path} names documents that the corpus does not have: {ids}. Correct the list; it has the id of a document on "
        "each line."
    )
    B367 = "A corpus in the format 'iob' cannot be taken by document: its files do not name them. Leave {path} out."
    B368 = (
        "{path} cannot be read as a file of spaCy's docs ({reason}). Make one with 'spacy biobert convert', or, if it "
        "was one, make it again."
    )
    B369 = "{path} is no file of PubMed's citations: {reason}. Download it again, or give another format."
    B370 = (
        '{path}:{line}: {reason}. Each line of JSON lines, or item of a JSON list, is an object: {{"id": "1", "text": '
        '"…"}}; only text is needed.'
    )
    B371 = "There is no document left to write to {path}. Check what is skipped, and which documents are taken."
    B372 = "{option} means nothing to a corpus in the format '{format}', which {path} is. Leave it out."
    B373 = (
        "{path} is {what}: texts, without annotations that could be converted. 'spacy biobert annotate' reads them; if "
        "it is a corpus all the same, name its --format: {known}."
    )

    # --- B4xx: training, and pretraining ---
    # Vocabularies of pretraining: B410 to B419.
    B410 = "Only a WordPiece vocabulary can be trimmed; this checkpoint's is {kind}. Keep it whole."
    B411 = (
        "A vocabulary of {size} pieces is too small: special pieces and single characters, which keep every word "
        "spellable, are {needed} already. Ask for more."
    )

    # The optimizer, and training that can be resumed: B420 to B449.
    B420 = (
        "layer_decay = {value} makes no sense: it is the share of each layer in the learning rate of the layer above. "
        "Use 1.0 to let all layers learn alike, or about 0.9."
    )
    B421 = (
        "The weights of '{component}' are in a {kind}, and how to take them down is not known: a training of this "
        "pipeline cannot be resumed. Freeze the component, or use `spacy train`."
    )
    B422 = (
        "The checkpoint '{path}' does not fit the pipeline; {n} weights differ: {names}. Delete that folder to start "
        "anew."
    )
    B423 = (
        "The optimizer has stepped weights that are in no component's `model` ({names}): a training of this pipeline "
        "cannot be resumed. Use `spacy train`."
    )
    B424 = "The checkpoint '{path}' is damaged: {problem}. Delete that folder to start anew."
    B425 = (
        "The checkpoint '{path}' was written by another config:\n{changes}\nResume with the same config and the same "
        "overrides, or delete that folder to start anew."
    )
    B426 = (
        "The {corpus} corpus is not that of the checkpoint '{path}': it had {then} docs and has {now} now. Bring the "
        "files back, or delete that folder to start anew."
    )
    B427 = (
        "The {corpus} corpus is not that of the checkpoint '{path}': it still has {n} docs, but their text, order or "
        "annotation differ. Bring the files back, or delete that folder to start anew."
    )
    B428 = (
        "spacy_biobert.MixedCorpus.v1 wants a share for each corpus, under the same name. Corpora: {corpora}; shares: "
        "{shares}."
    )
    B429 = "The share of the corpus {name} is {share}. Give it a number above 0, or leave the corpus out."
    B430 = "The corpus {name} has no words. Correct its path, or leave it out."
    B431 = "{option} = {value!r} of the optimizer has no meaning. Use {expected}."

    # Pretraining: B450 to B459.
    B450 = "There is no text '{path}'. Name files or folders of plain text, one document a line."
    B451 = "There is no file that ends in {suffixes} below '{path}'. Name the files, or put them there."
    B454 = (
        "'{path}' cannot be read: {reason}. The file is damaged: delete it to pretrain anew, or put back a copy of it."
    )
    B455 = (
        "'{path}' belongs to a pretraining that was begun otherwise: {changed}. Give the same options to go on with "
        "it, or another output folder to begin anew."
    )
    B456 = (
        "The encoder spells with {n} word pieces that the teacher in '{path}' does not know: {pieces} … A teacher's "
        "vocabulary must hold the encoder's: take a teacher of the same family, or trim the teacher's own vocabulary."
    )
    B457 = "{option} = {value} has no meaning. Give {expected}."
    B458 = "The text has no words: nothing can be learned from {files}. Name files of plain text, one document a line."
    B459 = (
        "The text in {files} fits into one window of {window} word pieces: nothing can be held out to measure by. "
        "Name more text, or shorter windows."
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
    B506 = (
        "There is no text in {path}. Give a file with one text a line, JSON lines, PubTator, BioC or PubMed XML, a "
        "folder of .txt files, or '-' for standard input."
    )
    B507 = (
        "No pipeline could be loaded from '{model}': {reason}. Give the name of an installed package or a folder "
        "written by 'spacy train'."
    )
    B508 = "There is no .spacy file with docs in {path}. Make one with 'spacy biobert convert' or 'spacy convert'."
    B509 = "'{output}' is the {what}, and would be lost. Give another name to {option}."
    B510 = (
        "The pipeline '{model}' has no encoder of this package, factory 'biobert'; its pipes are: {pipes}. Name a "
        "pipeline that has one."
    )
    B511 = "'{path}' cannot be read or written: {reason}. Check the path, and whether you may write there."
    B512 = "There is no {name} in '{path}'. Name the folder of the project: this package's repository, or your own."
    B513 = (
        "spaCy cannot use GPU {gpu_id}: {reason}. Install CuPy, for instance by this package's extra [cuda]; or leave "
        "--gpu-id out and let the encoder alone use the GPU, which PyTorch can without CuPy: device = "
        '"cuda:{gpu_id}" in [components.biobert] of the config.'
    )
    B514 = (
        "The corpus [{section}] has no path. Give both: --paths.train FILE.spacy --paths.dev FILE.spacy; 'spacy "
        "biobert convert' makes such files."
    )
    B515 = "No mention in {path} has a label of these: {labels}. There are: {there}."
    B516 = "'{path}' does not end in .svg, and the plot is one. Name it so."
    B517 = (
        "On {corpus} the pipeline scores nothing even in float32: {scores}. By that, no arithmetic can be told from "
        "another, and nothing was recorded. Give texts with the annotations that the pipeline was trained to find."
    )
    B518 = "{options} would do nothing {why}. Leave it out, or give what it needs."
    B519 = (
        "There are files in '{path}' already, and a folder of annotations is written whole. Give --brat a new or an "
        "empty one, or delete these."
    )

    # Calibration and evaluation: B520 to B539.
    B520 = "The pipeline '{model}' has no 'biobert_ner' whose scores could be calibrated; its pipes are: {pipes}."
    B521 = (
        "There is nothing to report on: neither the references in {corpora} nor what the pipeline found there has an "
        "entity. Name a corpus with entities in doc.ents."
    )

    # Datasets, and corpora in their place: B540 to B549.
    B540 = (
        "The corpus {corpus} of the dataset '{dataset}' has mentions with the labels {found}, but is described as "
        "annotating only: {stated}. Add them to its 'annotates', or map or leave them out (label_map, labels)."
    )
    B541 = (
        "The dataset '{dataset}' has no knowledge base, and {config} links to one. Name a recipe without a linker "
        "(--ner-config configs/ner.cfg), or describe a 'kb' in {folder}/{dataset}.yml."
    )
    B542 = (
        "There is no file or folder '{path}', given as the corpus for '{split}'. Check the path; it is relative to the "
        "project's folder."
    )
    B543 = (
        "There is no {folder}/{dataset}.yml, so that '{dataset}' can only be files of your own: give {missing} too, or "
        "the name of a dataset to take the rest from."
    )
    B544 = "A pipeline cannot be trained on {value!r}. Use {known}."


@_numbered
class Warnings:
    """Messages of the warnings, numbered W0xx to W5xx by the same blocks."""

    # --- W1xx: named entities ---
    W101 = (
        "`span._.{extension}` is already registered by something else, and stays as it is. The scores of entities "
        "are in the attrs of the span group, and `spacy_biobert.ner.extension.get_score(span)` finds them."
    )
    W102 = (
        "'{name}' writes its mentions to the span group '{spans_key}', in which those of '{other}' were: their scores "
        "are lost. Give each of the two components a spans_key of its own."
    )

    # --- W2xx: linking ---
    W201 = (
        "`span._.{name}` is already registered by something else, and stays as it is. The ranked concepts are in "
        '`doc.spans["{key}"].attrs`; to have them as an attribute, give the linker another name for it: '
        'extension = "…" in its config.'
    )
    W260 = (
        "{count} concept(s) have the id of another concept of the knowledge base as an alternative id: {first} has "
        "{other}. When links are scored, each of them counts as right for the other. If they are not the same, take "
        "the reference out of the source."
    )
    W261 = (
        "{count} id(s) stand in several of the knowledge bases without a name in common, such as {id}: '{first}' and "
        "'{second}'. They were united; if they are not the same, one of the sources uses the prefix for another "
        "vocabulary: correct it there."
    )
    W262 = (
        "The pipeline carries a knowledge base of its own, so that '{name}' does not look for one in kb_path = "
        "'{path}'. To link to that one, say nlp.get_pipe('{name}').initialize(kb='{path}'), and save the pipeline."
    )
    W263 = (
        "'{name}' leaves entities with the label {found} alone, for it links {labels}. If they are meant, write them "
        'as they are: labels = ["{found}"].'
    )
    W264 = (
        "'{name}' is to learn from mentions as they are found (train_on_predicted = true), and none was found in a "
        "batch that has some: it learns nothing. Either what finds them is not in [training.annotating_components], or "
        'it finds none yet: train it first, and take it from there (source = "…").'
    )
    W265 = "No row of UMLS in '{path}' is of {unknown}, which {option} asks for: is it written so? There are: {there}."
    W266 = (
        "'{name}' keeps what it has: there is nothing at '{path}', from which it was made, as the pipeline's config "
        "says ([initialize.components.{name}] {option}). To give it another, say nlp.get_pipe('{name}')"
        ".initialize({option}='PATH')."
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
    W304 = "No mention in {path} has the type {unknown}, which is mapped to a label. There are: {there}."
    W305 = (
        "{path}:{line}: document {id} stands in this file twice, with other annotations. It is read twice, and each "
        "time teaches that what stands in the other alone is no mention. Unite them."
    )

    # --- W4xx: training ---
    W420 = (
        "This is not the software that wrote the checkpoint: {changes}. Training goes on, but may not end with "
        "the very same weights."
    )
    W421 = (
        "The learning rate is 0, and stays so: it follows a schedule that begins with 0, and `nlp.update` does not "
        "move schedules on. Call `optimizer.step_schedules()` after each update, as `spacy train` does, or give the "
        "optimizer a rate: `optimizer.learn_rate = 5e-5`."
    )
    W422 = (
        "Entities are learned with the labels {learned}, and those of the development corpus are: {there}. None of "
        "them can be found, and every score of entities is 0. Convert it with --label-map OLD=NEW, or give another one."
    )

    # --- W5xx: command line, project and reports ---
    W520 = (
        "'{name}' finds no entity that can be judged in {corpus}: there is nothing to fit a temperature to, and its "
        "scores stay as they are. Is this the development corpus of what it was trained on, and was it trained for "
        "long enough?"
    )
    W521 = (
        "'{name}' leaves out entities below threshold = {threshold}, which was chosen for the scores before they were "
        "calibrated. Choose it again, for example with `spacy find-threshold`."
    )
    W522 = (
        "{path} has the labels {gold}, and the pipeline found {found}: none is the same, so nothing that was found can "
        "be right. Convert the corpus with --label-map OLD=NEW, so that both call the same the same."
    )
    W523 = "The annotations of the {n} texts before are in '{path}'."
    W524 = (
        "No mention in {path} is labelled {extra}, and the pipeline found some: each counts as wrong. If the corpus's "
        "annotators did not look for these, say what they looked for when you convert it: --annotates {gold}."
    )
