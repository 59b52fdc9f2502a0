import numpy as np
import pytest
import spacy
from spacy.tokens import Doc
from thinc.api import Model, set_dropout_rate

from spacy_biobert.ner.model import build_token_classifier_v1, start_outside

VOCAB = spacy.blank("en").vocab


def make_docs(*lengths):
    return [Doc(VOCAB, words=[f"w{i}" for i in range(length)]) for length in lengths]


def length_features(width=4):
    """Token vectors that need no training, and remember the gradient they get."""

    def forward(model, docs, is_train):
        vectors = [np.sin(np.arange(len(doc) * width, dtype="f")).reshape(len(doc), width) for doc in docs]

        def backprop(d_vectors):
            model.attrs["gradient"] = d_vectors
            return docs

        return vectors, backprop

    return Model("features", forward, dims={"nO": width}, attrs={"gradient": None})


@pytest.fixture
def model():
    model = build_token_classifier_v1(length_features(), nO=3)
    model.initialize(X=make_docs(2, 3))
    return model


@pytest.mark.parametrize("lengths", [[3], [0], [0, 0], [0, 2, 0, 5], []])
@pytest.mark.parametrize("is_train", [True, False])
def test_shapes(model, lengths, is_train):
    docs = make_docs(*lengths)
    scores, backprop = model(docs, is_train)
    assert [array.shape for array in scores] == [(length, 3) for length in lengths]
    assert all(array.dtype == np.float32 for array in scores)
    backprop(scores)


def test_gradient_reaches_weights_and_vectors(model):
    docs = make_docs(2, 0, 3)
    output = model.get_ref("output_layer")
    weights = output.get_param("W")
    scores, backprop = model.begin_update(docs)
    vectors = np.concatenate(model.get_ref("tok2vec").predict(docs))
    backprop([np.ones_like(array) for array in scores])
    gradient = model.get_ref("tok2vec").attrs["gradient"]
    assert [array.shape for array in gradient] == [(2, 4), (0, 4), (3, 4)]
    np.testing.assert_allclose(np.concatenate(gradient), np.ones((5, 3)) @ weights, rtol=1e-5)
    np.testing.assert_allclose(output.get_grad("W"), np.ones((3, 5)) @ vectors, rtol=1e-5)


def test_dropout_only_in_training(model):
    docs = make_docs(50)
    set_dropout_rate(model, 0.5)
    assert not np.array_equal(model.begin_update(docs)[0][0], model.predict(docs)[0])
    set_dropout_rate(model, 0.0)
    np.testing.assert_array_equal(model.begin_update(docs)[0][0], model.predict(docs)[0])


def test_number_of_tags_from_the_target():
    model = build_token_classifier_v1(length_features())
    model.initialize(X=make_docs(2), Y=[np.zeros((2, 7), dtype="f")])
    assert model.get_dim("nO") == 7
    assert model.predict(make_docs(2))[0].shape == (2, 7)


def test_initialized_on_docs_without_tokens():
    model = build_token_classifier_v1(length_features(), nO=3)
    model.initialize(X=make_docs(0, 0))
    assert model.predict(make_docs(2))[0].shape == (2, 3)


@pytest.mark.parametrize("n_layers", [1, 3])
def test_untrained_classifier_takes_tokens_to_be_outside(n_layers):
    is_outside = np.zeros((n_layers, 5), dtype=bool)
    is_outside[:, 0] = True
    model = build_token_classifier_v1(length_features(), nO=is_outside.size)
    model.initialize(X=make_docs(2))
    start_outside(model, is_outside, share=0.9)
    output = model.get_ref("output_layer")
    chances = np.exp(output.predict(np.zeros((1, 4), dtype="f"))).reshape(n_layers, 5)
    np.testing.assert_allclose(chances[:, 0] / chances.sum(axis=1), 0.9, rtol=1e-5)


def test_other_models_are_left_alone():
    start_outside(length_features(), np.array([[True, False]]))
