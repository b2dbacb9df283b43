"""Train for two steps with `Trainer(push_to_hub=True)`: takes {"repo_id", "folder"}."""

import json
import sys

from datasets import Dataset
from tiny_classifier import tiny_classifier, tiny_tokenizer
from transformers import Trainer, TrainingArguments

request = json.loads(sys.argv[1])
tokenizer = tiny_tokenizer()
rows = Dataset.from_dict({"text": ["a good film", "a bad film"] * 8, "label": [1, 0] * 8})
rows = rows.map(lambda row: tokenizer(row["text"]), remove_columns=["text"])
arguments = TrainingArguments(
    output_dir=request["folder"],
    hub_model_id=request["repo_id"],
    push_to_hub=True,
    max_steps=2,
    save_strategy="no",
    use_cpu=True,
    disable_tqdm=True,
)
trainer = Trainer(tiny_classifier(seed=1), arguments, train_dataset=rows, processing_class=tokenizer)
trainer.train()
trainer.push_to_hub(commit_message="Train for two steps")
print(json.dumps("pushed"))
