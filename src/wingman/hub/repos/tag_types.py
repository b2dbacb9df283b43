"""What kind of thing a tag says: task, library, language, licence, …

Source: the answers of the public Hub's `models-tags-by-type` and `datasets-tags-by-type`.
"""

import re

PREFIXED = (
    "license",
    "dataset",
    "base_model",
    "arxiv",
    "region",
    "language",
    "task_categories",
    "task_ids",
    "size_categories",
    "multilinguality",
    "language_creators",
    "annotations_creators",
    "source_datasets",
    "format",
    "modality",
    "library",
)
"""Tags written `prefix:value`; the prefix is their type."""

TASKS = frozenset(
    [
        "text-classification",
        "token-classification",
        "table-question-answering",
        "question-answering",
        "zero-shot-classification",
        "translation",
        "summarization",
        "feature-extraction",
        "text-generation",
        "text2text-generation",
        "fill-mask",
        "sentence-similarity",
        "text-to-speech",
        "text-to-audio",
        "automatic-speech-recognition",
        "audio-to-audio",
        "audio-classification",
        "voice-activity-detection",
        "depth-estimation",
        "image-classification",
        "object-detection",
        "image-segmentation",
        "text-to-image",
        "image-to-text",
        "image-to-image",
        "image-to-video",
        "unconditional-image-generation",
        "video-classification",
        "reinforcement-learning",
        "robotics",
        "tabular-classification",
        "tabular-regression",
        "text-ranking",
        "visual-question-answering",
        "document-question-answering",
        "zero-shot-image-classification",
        "zero-shot-object-detection",
        "mask-generation",
        "image-feature-extraction",
        "image-text-to-text",
        "any-to-any",
    ]
)
LIBRARIES = frozenset(
    [
        "transformers",
        "diffusers",
        "peft",
        "sentence-transformers",
        "datasets",
        "timm",
        "spacy",
        "flair",
        "fastai",
        "keras",
        "tf-keras",
        "pytorch",
        "tf",
        "jax",
        "onnx",
        "safetensors",
        "gguf",
        "tflite",
        "sklearn",
        "joblib",
        "stable-baselines3",
        "speechbrain",
        "espnet",
        "nemo",
        "allennlp",
        "adapters",
        "setfit",
        "open_clip",
        "ultralytics",
        "transformers.js",
        "mlx",
        "tensorboard",
    ]
)
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[A-Za-z]{2,4})?\Z")


def tag_type(tag: str) -> str:
    """
    >>> [tag_type(tag) for tag in ("license:mit", "text-generation", "transformers", "en", "llama-factory")]
    ['license', 'pipeline_tag', 'library', 'language', 'other']
    """
    prefix, colon, _ = tag.partition(":")
    if colon and prefix in PREFIXED:
        return prefix
    if tag in TASKS:
        return "pipeline_tag"
    if tag in LIBRARIES:
        return "library"
    return "language" if _LANGUAGE.match(tag) else "other"
