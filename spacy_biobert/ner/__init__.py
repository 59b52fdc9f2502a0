"""Named entities: token vectors -> entities with scores (factory ``biobert_ner``)."""
