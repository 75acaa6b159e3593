"""A scikit-learn classifier: `fit`, `predict`, `score`, pipelines, searches."""

from lpt.sklearn.prompt_classifier import LongTailedPromptClassifier

__all__ = ["LongTailedPromptClassifier"]
