"""Publish a model, tag it v1, publish another over it; then load both: takes {"repo_id"}.

Gives for "v1" and "main" the largest difference between what was published and what was loaded.
"""

import json
import sys

from huggingface_hub import HfApi
from tiny_classifier import tiny_classifier, tiny_tokenizer
from transformers import AutoModelForSequenceClassification, AutoTokenizer

repo_id = json.loads(sys.argv[1])["repo_id"]
first, second = tiny_classifier(seed=1), tiny_classifier(seed=2)
first.push_to_hub(repo_id)
tiny_tokenizer().push_to_hub(repo_id)
HfApi().create_tag(repo_id, tag="v1")
second.push_to_hub(repo_id)


def largest_difference(published, revision: str) -> float:
    loaded = AutoModelForSequenceClassification.from_pretrained(repo_id, revision=revision).state_dict()
    return max((loaded[name] - tensor).abs().max().item() for name, tensor in published.state_dict().items())


print(
    json.dumps(
        {
            "v1": largest_difference(first, "v1"),
            "main": largest_difference(second, "main"),
            "apart": largest_difference(first, "main"),
            "tokens": AutoTokenizer.from_pretrained(repo_id)("a very good film")["input_ids"],
        }
    )
)
