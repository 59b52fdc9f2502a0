import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_biobert.linking.abbreviations import Abbreviations, expand


@pytest.mark.parametrize(
    ("text", "long_forms"),
    [
        ("Mutations cause Wilson disease (WD) in man.", {"WD": "Wilson disease"}),
        ("Ataxia-telangiectasia (A-T) is rare.", {"A-T": "Ataxia-telangiectasia"}),
        ("the adrenoleukodystrophy [ALD] gene", {"ALD": "adrenoleukodystrophy"}),
        ("renal cell carcinoma (RCC; MIM 144700)", {"RCC": "renal cell carcinoma"}),
        ("WD (Wilson disease) is rare", {"WD": "Wilson disease"}),
        # In another order, and the words that the shortest match would leave out.
        ("in myotonic dystrophy (DM) and", {"DM": "myotonic dystrophy"}),
        ("attenuated adenomatous polyposis coli (AAPC)", {"AAPC": "attenuated adenomatous polyposis coli"}),
        # One word has all three letters, but the words before it begin with letters of the short form, too.
        ("colorectal carcinoma (CRC)", {"CRC": "colorectal carcinoma"}),
        (
            "oral contraceptives or combined oral contraceptives (COCs)",
            {"COCs": "combined oral contraceptives", "COC": "combined oral contraceptives"},
        ),
        ("a severe carcinoma (CRC)", {"CRC": "carcinoma"}),
        ("chronic cyclosporine (CYC)", {"CYC": "cyclosporine"}),
        # Where a definition ends, how far it may reach, and what it is not made of.
        ("Wilson disease (WD or hepatolenticular degeneration)", {"WD": "Wilson disease"}),
        ("Huntington disease (HD, also known as Huntington's chorea)", {"HD": "Huntington disease"}),
        ("the patient group (pg)", {}),
        ("many old people without diabetes had a disease here (MD)", {}),
        # A long form that holds an abbreviation.
        (
            "familial adenomatous polyposis (FAP) and attenuated FAP (AFAP)",
            {"FAP": "familial adenomatous polyposis", "AFAP": "attenuated familial adenomatous polyposis"},
        ),
        # What a definition implies: the parts of the short form, where these are words, and the singular of a plural.
        (
            "hyperparathyroidism-jaw tumor syndrome (HPT-JT)",
            {
                "HPT-JT": "hyperparathyroidism-jaw tumor syndrome",
                "HPT": "hyperparathyroidism",
                "JT": "jaw tumor",
            },
        ),
        (
            "X-linked adrenoleukodystrophy (X-ALD)",
            {"X-ALD": "X-linked adrenoleukodystrophy", "ALD": "adrenoleukodystrophy"},
        ),
        (
            "beta-thalassemia intermedia (beta-TI)",
            {"beta-TI": "beta-thalassemia intermedia", "TI": "thalassemia intermedia"},
        ),
        ("retinal dystrophies (RDs)", {"RDs": "retinal dystrophies", "RD": "retinal dystrophies"}),
        (
            "hypertrophy of the retinal pigment epithelium (HRPEs)",
            {
                "HRPEs": "hypertrophy of the retinal pigment epithelium",
                "HRPE": "hypertrophy of the retinal pigment epithelium",
            },
        ),
        # What is defined counts before what is implied.
        (
            "X-linked adrenoleukodystrophy (X-ALD) and alcoholic liver disease (ALD)",
            {"ALD": "alcoholic liver disease", "X-ALD": "X-linked adrenoleukodystrophy"},
        ),
        # The first definition stays.
        ("Wilson disease (WD) and wet dreams (WD)", {"WD": "Wilson disease"}),
        ("in 12 patients (5 men, 7 women)", {}),
        ("nothing with depth. Other text (WD)", {}),
        ("a gene (ATP7B) on chromosome 13", {}),
        ("(WD)", {}),
        ("(", {}),
        # A long form may be long, and a parenthesis say more than the short form.
        (
            "Hypercholesterolaemic thrombocytopenia-absent radioulnar dysostosis syndrome (HTRDS)",
            {"HTRDS": "Hypercholesterolaemic thrombocytopenia-absent radioulnar dysostosis syndrome"},
        ),
        ("Wilson disease (WD; see the tables and the figures of the supplement)", {"WD": "Wilson disease"}),
    ],
)
def test_find(text, long_forms):
    assert Abbreviations(text).at(0) == long_forms


def test_expand():
    long_forms = {"VHL": "von Hippel-Lindau", "HD": "Huntington disease", "HD2": "Huntington disease-like 2"}
    assert expand("VHL", long_forms) == "von Hippel-Lindau"
    assert expand("sporadic VHL tumours", long_forms) == "sporadic von Hippel-Lindau tumours"
    assert expand("VHL-associated", long_forms) == "von Hippel-Lindau-associated"
    assert expand("von Hippel-Lindau (VHL) disease", long_forms) == "von Hippel-Lindau disease"
    assert expand("HD2", long_forms) == "Huntington disease-like 2"
    assert expand("juvenile HD2 and HD", long_forms) == "juvenile Huntington disease-like 2 and Huntington disease"
    # A number is a type, and a word that the long form ends in is not there twice.
    assert expand("VHL2", long_forms) == "von Hippel-Lindau type 2"
    assert expand("two VHLs", long_forms) == "two von Hippel-Lindau"
    assert expand("Hbs", {"Hb": "haemoglobin"}) == "Hbs"  # another short form
    assert expand("HD disease", long_forms) == "Huntington disease"
    # Whatever the case.
    assert expand("HD disease", {"HD": "Huntington Disease"}) == "Huntington Disease"
    assert expand("HD Disease", long_forms) == "Huntington disease"
    assert expand("HD diseases", long_forms) == "Huntington disease diseases"
    assert expand("HDX", long_forms) == "HDX"
    assert expand("AHD", long_forms) == "AHD"
    assert expand("cancer", {}) == "cancer"


@given(st.text(alphabet=st.one_of(st.sampled_from("()[];, .ABab"), st.characters(exclude_categories=["Cs"]))))
def test_any_text(text):
    for short, long_form in Abbreviations(text).at(0).items():
        assert short in text
        assert len(long_form) > len(short)
        assert expand(short, {short: long_form}) == long_form


def test_a_mention_that_is_a_definition_is_looked_up():
    assert expand("(WD)", {"WD": "Wilson disease"}) == "(Wilson disease)"
    assert expand("Wilson disease (WD)", {"WD": "Wilson disease"}) == "Wilson disease"


def test_an_abbreviation_that_is_defined_again():
    text = (
        "AMI is common. Acute myocardial infarction (AMI) and renal failure (RF). Then acute mountain illness (AMI). "
        "AMI, RF. Later AMI (an awful mind) and again acute myocardial infarction (AMI)."
    )
    abbreviations = Abbreviations(text)
    places = [match.start() for match in re.finditer("AMI", text)]
    meant = [abbreviations.at(place)["AMI"] for place in places]
    heart, mountain = "Acute myocardial infarction", "acute mountain illness"
    assert meant == [heart, heart, mountain, mountain, mountain, heart.lower()]
    assert all(abbreviations.at(place)["RF"] == "renal failure" for place in places)


def test_what_only_looks_like_a_definition_changes_nothing():
    text = (
        "Hepatitis B virus (HBV). Occult HBV (HBsAg-negative) and overt HBV (HBsAg-positive). "
        "Here blood, vile (HBV) and HBV."
    )
    abbreviations = Abbreviations(text)
    assert {abbreviations.at(place)["HBV"] for place in range(len(text))} == {"Hepatitis B virus"}
